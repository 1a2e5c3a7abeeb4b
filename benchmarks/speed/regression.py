"""Has anything become slower than docs/evidence/performance.md says?

    python -m benchmarks.speed.regression

Runs the studies again and compares their ratios with those on that page, row by row. The exit
status is 1 if one is more than a fifth worse. This needs a quiet machine; ratios also depend on
the processor, so another kind of machine needs a new record.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

RECORD = Path(__file__).parents[2] / "docs" / "evidence" / "performance.md"
# study: its arguments, and the column of the ratio (higher is better)
STUDIES = {
    "text_encoding": (["--turns", "1"], "open_clip / ours"),
    "training_speed": ([], "stock skorch / ours"),
}


def ratios(page: str, column: str) -> dict[tuple[str, ...], float]:
    """A column of a Markdown table, by the cells to the left of it."""
    found: dict[tuple[str, ...], float] = {}
    place = None
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if column in cells:
            place = cells.index(column)
        elif not line.startswith("|"):
            place = None
        elif place is not None and not cells[place].startswith("-"):
            found[tuple(cells[:place])] = float(cells[place])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("studies", nargs="*", help=f"of {', '.join(STUDIES)}; all by default")
    names = parser.parse_args().studies or list(STUDIES)
    page, slower = RECORD.read_text(encoding="utf-8"), 0
    print("| study | case | recorded | now |\n|---|---|---|---|")
    for name in names:
        arguments, column = STUDIES[name]
        command = [sys.executable, "-m", f"benchmarks.speed.{name}", *arguments]
        now = ratios(subprocess.check_output(command, text=True), column)
        recorded = ratios(page, column)
        if now.keys() != recorded.keys():
            raise SystemExit(f"{RECORD.name} has other cases of {name}: {recorded.keys()}.")
        for case, ratio in now.items():
            is_slower = ratio < 0.8 * recorded[case]
            slower += is_slower
            mark = " **slower**" if is_slower else ""
            print(f"| {name} | {', '.join(case)} | {recorded[case]} | {ratio}{mark} |", flush=True)
    return int(slower > 0)


if __name__ == "__main__":
    sys.exit(main())
