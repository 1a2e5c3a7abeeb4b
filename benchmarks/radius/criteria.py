"""Can the radius of the noise be chosen without labelled images? Compares many rules.

python -m benchmarks.radius.criteria --work /some/folder [--models local-dir:/a/model ...]

Uses six label sets of the bundled vocabulary, and pictures made of held-out art. A rule's constant
is chosen on three of the sets with the first encoder. Embeddings, fits and rules are cached in
the work folder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ._curves import KERNEL_RADII, NETWORK_RADII, kernel_scores, mean_ap, network_scores
from ._lengths import LENGTHS
from ._rules import CURVES, RADII, SCORES
from ._vocabulary_scenes import Bed, scene_beds, with_first_texts

N_TUNING_SETS = 3
IMAGES_SPENT = (5, 10, 20, 40, 80)
FOR_ALL_SIZES = ("h: largest weight", "h: perplexity, of texts")  # the others are slow


def curve_crossing(values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Radii where a monotone curve over `RADII` reaches the targets."""
    v = np.asarray(values, dtype=float)
    sign = 1 if v[-1] > v[0] else -1
    return np.exp(np.interp(sign * targets, np.maximum.accumulate(sign * v), np.log(RADII)))


def curve_best(values: np.ndarray) -> float:
    """Radius of the maximum, interpolated with a parabola."""
    v, x = np.asarray(values, dtype=float), np.log(RADII)
    i = int(np.argmax(v))
    if 0 < i < len(v) - 1:
        a, b, _ = np.polyfit(x[i - 1 : i + 2], v[i - 1 : i + 2], 2)
        return float(np.exp(-b / (2 * a))) if a < 0 else float(RADII[i])
    return float(RADII[i])


def kept(path: Path, name: str, compute: Callable[[], Any]) -> Any:
    """`compute()`, or its result cached under this name."""
    values = json.loads(path.read_text()) if path.is_file() else {}
    if name not in values:
        values[name] = np.asarray(compute(), dtype=float).tolist()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    return np.array(values[name])


def picks(beds: list[Bed], n_scored: int, work: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each rule, the constants tried and the radii that they give, one row per testbed.

    Slow rules run only on the first `n_scored` testbeds; the other radii are NaN.
    """

    def of_all(name: str, rule: Callable[[Bed], Any], beds: list[Bed] = beds) -> np.ndarray:
        return np.array(
            [
                kept(work / "rules" / f"{b.name}.json", name, lambda b=b: rule(b))
                for b in tqdm(beds, name, leave=False)
            ]
        )

    found = {}
    multiples = np.geomspace(0.05, 20, 241)
    for name, rule in LENGTHS.items():
        lengths = of_all(name, rule)
        found[name] = multiples, np.outer(lengths, multiples)
        if name[0] in "ad":
            found[f"{name}, c = 1"] = np.ones(1), lengths[:, None]
    for name, rule in CURVES.items():
        curves = of_all(name, rule, beds if name in FOR_ALL_SIZES else beds[:n_scored])
        low, high = curves.min(), curves.max()
        if low > 0 and high / low > 50:
            targets = np.geomspace(low, high, 400)
        else:
            targets = np.linspace(low, high, 400)
        radii = np.full((len(beds), len(targets)), np.nan)
        radii[: len(curves)] = [curve_crossing(v, targets) for v in curves]
        found[name] = targets, radii
    for name, rule in SCORES.items():
        best = [curve_best(v) for v in of_all(name, rule, beds[:n_scored])]
        best += [np.nan] * (len(beds) - n_scored)
        found[name] = np.full(1, np.nan), np.array(best)[:, None]
    return found


def table(
    found: dict[str, tuple[np.ndarray, np.ndarray]],
    radii: np.ndarray,
    curves: np.ndarray,
    groups: dict[str, np.ndarray],
) -> list[str]:
    """Gaps to the best radius (points of mAP), one row per rule, best on the test sets first."""
    rows = []
    for name, (constants, chosen) in found.items():
        gaps = np.array(
            [c.max() - np.interp(r, radii, c) if np.isfinite(r).all() else r * np.nan
             for c, r in zip(curves, chosen)]
        )  # fmt: skip
        best = int(np.argmin(gaps[groups["tune"]].mean(0)))
        gaps, r = gaps[:, best], chosen[:, best]
        cells = [f"{gaps[k].mean():.2f} / {gaps[k].max():.2f}" for k in groups.values()]
        cells = [cell.replace("nan / nan", "") for cell in cells]
        lengths = [f"{r[k].mean():.1f}" for k in groups.values() if np.isfinite(r[k]).all()]
        rows.append(
            (gaps[groups["test"]].mean(),
             f"| {name} | {constants[best]:.3g} | {' | '.join(cells)} | {', '.join(lengths)} |")
        )  # fmt: skip
    head = f"| rule | constant | {' | '.join(groups)} | mean radii |"
    return [head, "|---" * head.count("|") + "|", *(line for _, line in sorted(rows))]


def images_spent(
    radii: np.ndarray, scores: np.ndarray, bed: Bed, n: int, fixed: float, draws: int = 5
) -> tuple[float, float]:
    """Gaps on the remaining images: of the best radius for `n` images, and of a fixed one."""
    gaps = []
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(len(bed.images))
        spent, left = order[:n], order[n:]
        curve = np.array([mean_ap(bed.images_Y[left], s[left]) for s in scores])
        on_spent = [mean_ap(bed.images_Y[spent], s[spent]) for s in scores]
        gap = curve.max() - curve[int(np.nanargmax(on_spent))]
        gaps.append((gap, curve.max() - np.interp(fixed, radii, curve)))
    return tuple(100 * np.mean(gaps, axis=0))


def other_beds(
    work: Path, scenes: list[Bed], start: int
) -> tuple[list[Bed], dict[str, np.ndarray]]:
    """Testbeds of another draw and with fewer or more texts, and their places in the list."""
    fresh = scene_beds("tai-tiny", work, "fresh", draw=1)
    many = scene_beds("tai-tiny", work, "encoder0", n_texts=3000)
    beds, places = [], {}
    for name, group in (
        ("fresh sets", fresh),
        ("250 texts", [with_first_texts(b, 250) for b in scenes]),
        ("3,000 texts", [replace(b, name=f"{b.name}, 3000 texts") for b in many]),
    ):
        places[name] = start + len(beds) + np.arange(len(group))
        beds += group
    return beds, places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--work",
        type=Path,
        required=True,
        help="folder for what is kept; another one for other encoders",
    )
    parser.add_argument(
        "--models", nargs="*", default=[], help="further encoders, as OpenCLIPEncoder names them"
    )
    parser.add_argument("--no-network", action="store_true", help="the average over texts only")
    args = parser.parse_args()
    models = ["tai-tiny", *args.models]
    per_encoder = [scene_beds(m, args.work, f"encoder{i}") for i, m in enumerate(models)]
    beds = [bed for group in per_encoder for bed in group]
    n, at = len(per_encoder[0]), np.arange(len(beds))
    groups = {"tune": at[:N_TUNING_SETS], "test": at[N_TUNING_SETS:n]}
    for i in range(1, len(models)):
        groups[f"encoder {i}"] = at[i * n : (i + 1) * n]
    others, more = other_beds(args.work, per_encoder[0], len(beds))
    found = picks(beds + others, len(beds), args.work)
    for adapter in ("kernel", "network")[: 1 if args.no_network else 2]:
        if adapter == "kernel":
            radii = KERNEL_RADII
            scores = [
                np.array([kernel_scores(b.texts, b.Y, b.images, r) for r in radii])
                for b in beds + others
            ]
        else:
            radii, scores = NETWORK_RADII, [network_scores(b, args.work)[0] for b in beds]
        curves = np.array(
            [
                kept(
                    args.work / "curves" / f"{b.name}.json",
                    adapter,
                    lambda b=b, s=s: [100 * mean_ap(b.images_Y, x) for x in s],
                )
                for b, s in zip(beds + others, scores)
            ]
        )
        print(f"\n## {adapter}\n")
        seen = {**groups, **more} if adapter == "kernel" else groups
        for name, k in seen.items():
            best = [f"{radii[i]:.1f}" for i in curves[k].argmax(1)]
            print(f"{name}: best radii {', '.join(best)}; mAP {curves[k].max(1).mean():.1f}")
        print("\n" + "\n".join(table(found, radii, curves, seen)))
        print("\n| images spent | " + " | ".join(f"{g}, 2.5 instead" for g in groups) + " |")
        for count in IMAGES_SPENT:
            cells = []
            for k in groups.values():
                use = [i for i in k if 2 * count <= len(beds[i].images)]
                step = 3 if adapter == "kernel" else 1
                gaps = [
                    images_spent(radii[::step], scores[i][::step], beds[i], count, 2.5)
                    for i in use
                ]
                cells.append("{:.2f}, {:.2f}".format(*np.mean(gaps, axis=0)) if use else "")
            print(f"| {count} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
