"""Results that survive an interruption: saved as JSON, shown as Markdown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_PUBLISHED = Path(__file__).with_name("published.json")
Record = dict[str, Any]


class Results:
    """Records in a JSON file; each is measured only once, even after an interruption."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.records: list[Record] = json.loads(path.read_text()) if path.exists() else []

    def find(self, key: Record) -> Record | None:
        for record in self.records:
            if all(record.get(name) == value for name, value in key.items()):
                return record
        return None

    def get(self, key: Record, measure: Callable[[], Record]) -> Record:
        """The record with this key; measured now if it is missing."""
        known = self.find(key)
        if known is None:
            known = {**key, **measure()}
            self.records.append(known)
            self._write(self.path, json.dumps(self.records, indent=1))
        return known

    def write_markdown(self, text: str) -> None:
        path = self.path.with_suffix(".md")
        self._write(path, text + "\n")
        print(f"\n{text}\n\nwritten: {self.path}, {path}")

    @staticmethod
    def _write(path: Path, text: str) -> None:
        partial = path.with_suffix(".partial")
        partial.write_text(text)
        os.replace(partial, path)  # complete or not at all


def table(
    records: Sequence[Record], rows: str, columns: str, *, experiment: str = "", mean: bool = False
) -> str:
    """Markdown: mAP in %, mean and spread over seeds, with published figures in brackets.

    `rows` and `columns` are keys of the records; unless the columns are data, each row is
    for one of the data and one of `rows`. With `mean`, a last column averages the others.
    Methods with published figures only have their own rows.
    """
    groups = [rows] if columns == "data" else ["data", rows]
    across = list(dict.fromkeys(record[columns] for record in records))
    found: dict[tuple[Any, ...], list[float]] = {}
    for record in records:
        place = tuple(record[group] for group in groups)
        found.setdefault((*place, record[columns]), []).append(record["map"])
        if mean:
            found.setdefault((*place, "average"), []).append(record["map"])
    across += ["average"] if mean else []
    known, sources = published(experiment), []
    data = {record["data"] for record in records}
    places = [place[:-1] for place in found]
    places += [p[:-1] for p in known if p[-1] in across and (len(p) == 2 or p[0] in data)]
    head = [*groups, *(f"{c:g}" if isinstance(c, (int, float)) else str(c) for c in across)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for place in dict.fromkeys(places):
        cells = [*map(str, place)]
        for column in across:
            text = _cell(found.get((*place, column), []), spread=column != "average")
            beside = known.get((*place, column), [])
            sources += [source for _, source in beside if source not in sources]
            marks = ", ".join(f"{value} [{sources.index(source) + 1}]" for value, source in beside)
            cells.append(f"{text} ({marks})".strip() if marks else text)
        lines.append("| " + " | ".join(cells) + " |")
    if sources:
        lines += ["", "In brackets, what was published:"]
        lines += [f"[{i}] {source}." for i, source in enumerate(sources, start=1)]
    return "\n".join(lines)


def _cell(values: Sequence[float], spread: bool) -> str:
    if not values:
        return ""
    v = 100 * np.asarray(values)
    return f"{v.mean():.1f} ± {v.std(ddof=1):.1f}" if spread and len(v) > 1 else f"{v.mean():.1f}"


def draw(path: Path, records: Sequence[Record], curves: str, *, xlabel: str) -> None:
    """Plot mAP over the setting: axes for each of the data, a curve for each of `curves`."""
    plt = _pyplot()
    names = list(dict.fromkeys(record["data"] for record in records))
    figure, axes = plt.subplots(
        1, len(names), figsize=(5.5 * len(names), 3.8), layout="constrained", squeeze=False
    )
    settings = sorted({record["setting"] for record in records})
    for ax, name in zip(axes[0], names):
        for curve in dict.fromkeys(record[curves] for record in records):
            by_setting: dict[Any, list[float]] = {}
            for record in records:
                if record["data"] == name and record[curves] == curve:
                    by_setting.setdefault(record["setting"], []).append(100 * record["map"])
            x, values = zip(*sorted(by_setting.items()))
            means, spreads = ([f(v) for v in values] for f in (np.mean, np.std))
            places = [settings.index(value) for value in x]
            ax.errorbar(places, means, spreads, marker="o", capsize=3, label=curve)
        ax.set_xticks(range(len(settings)), [f"{value:g}" for value in settings])
        ax.set(xlabel=xlabel, ylabel="mean average precision (%)", title=name)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    save_figure(path, figure)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    return plt


def save_figure(path: Path, figure: Any) -> None:
    figure.savefig(path, dpi=120)
    _pyplot().close(figure)
    print(f"figure: {path}")


def published(experiment: str, what: str = "map") -> dict[tuple[Any, ...], list[tuple[Any, str]]]:
    """Published figures and sources, by data (unless these are columns), method and column."""
    printed = json.loads(_PUBLISHED.read_text())
    found: dict[tuple[Any, ...], list[tuple[Any, str]]] = {}
    content = printed.get(experiment, {"columns": [], "rows": []})
    for row in content["rows"]:
        place = tuple(row[name] for name in ("data", "method") if name in row)
        for column, value in zip(content["columns"], row[what]):
            if value is not None:
                source = printed["sources"][row["source"]]
                found.setdefault((*place, column), []).append((value, source))
    return found
