"""Local evidence: mAP and time of several crops a picture.

python -m benchmarks.accuracy.crops
python -m benchmarks.accuracy.crops --testbed photos --only-crops 1 5 --ground FOLDER
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from tqdm import tqdm

from sklearn_tai import (
    PromptCorpusGenerator,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.crops import MultiCropClassifier
from sklearn_tai.metrics import mean_average_precision

from ..testbeds import add_arguments, halves, load_testbed

_ALTERNATIVES: list[dict[str, Any]] = [
    {"n_crops": 1},
    *({"n_crops": n} for n in (5, 10, 14, 30)),
    *({"n_crops": n, "pooling": p} for n in (5, 14) for p in ("max", "mean")),
    *({"n_crops": n, "overlap": o} for n in (5, 14) for o in (0, 0.5)),
    *({"n_crops": 5, "whole_weight": w} for w in (0, 0.5, None)),
]


def costs(clf: Any, images: list[Any], numbers: set[int], repeats: int) -> dict[int, float]:
    """Seconds a picture of each number of crops; the best of runs that take turns."""
    seconds: dict[int, list[float]] = {n: [] for n in numbers}
    for _ in range(repeats):
        for n in sorted(numbers):
            crops = MultiCropClassifier(FrozenEstimator(clf), n).fit()
            start = time.perf_counter()
            crops.decision_function(images)
            seconds[n].append((time.perf_counter() - start) / len(images))
    return {n: min(values) for n, values in seconds.items()}


def held_out(scores: list[list[np.ndarray]], Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """mAP in % on halves of the pictures, of the whole and of what is best on the other half.

    `scores` has the alternatives' scores by each classifier; both results are of shape
    (n_halves, n_classifiers).
    """
    whole, chosen = [], []
    for seed in range(5):
        choice, test = halves(len(Y), seed)
        on_choice, on_test = (
            100 * np.array([[mean_average_precision(Y[h], s[h]) for s in row] for row in scores])
            for h in (choice, test)
        )
        whole.append(on_test[0])
        chosen.append(np.take_along_axis(on_test, on_choice.argmax(axis=0)[None], axis=0)[0])
    return np.array(whole), np.array(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--only-crops", type=int, nargs="+", help="only these numbers of crops")
    parser.add_argument("--timed-images", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3, help="of the measurement of time")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UndefinedMetricWarning)  # labels without images
    bed = load_testbed(args)
    rows = [p for p in _ALTERNATIVES if not args.only_crops or p["n_crops"] in args.only_crops]
    classifiers: list[Any] = [bed.zero_shot()]
    for seed in range(args.seeds):
        generator = PromptCorpusGenerator(n_texts=args.n_texts, random_state=seed)
        texts, Y = generator.generate(bed.label_names)
        classifiers.append(TextAsImageClassifier(bed.encoder).fit(texts, Y))
    uncached = clone(getattr(bed.encoder, "clip", bed.encoder)).set_params(cache=None)
    timed = ZeroShotClassifier(bed.label_names, uncached).fit()
    timed.decision_function(bed.pictures[:2])  # loads the model
    numbers = {1, *(params["n_crops"] for params in rows)}
    seconds = costs(timed, bed.pictures[: args.timed_images], numbers, args.repeats)
    lines, scores = [], []
    for params in tqdm(rows, unit="row"):
        crops = [MultiCropClassifier(FrozenEstimator(c), **params).fit() for c in classifiers]
        scores.append([c.decision_function(bed.pictures) for c in crops])
        clip, *kernel = (100 * mean_average_precision(bed.Y, s) for s in scores[-1])
        c = crops[0]
        cost = seconds[c.n_crops] / seconds[1]
        settings = f"{c.n_crops} | {c.pooling} | {c.overlap:.2f} | {c.whole_weight}"
        spread = f" | {np.std(kernel, ddof=1):.1f}" if len(kernel) > 1 else " | "
        lines.append(f"| {settings} | {clip:.1f} | {np.mean(kernel):.1f}{spread} | {cost:.1f} |")
    print(f"\n{len(bed.images)} {bed.name}, {args.n_texts} texts, {args.seeds} seeds")
    print(f"{1000 * seconds[1]:.1f} ms a picture with one crop")
    print("| n_crops | pooling | overlap | whole_weight | zero-shot | kernel | sd | time |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(lines))
    whole, chosen = held_out(scores, bed.Y)
    print("\nSettings chosen on half of the pictures, scored on the other half:")
    print(f"zero-shot: {whole[:, 0].mean():.1f} whole, {chosen[:, 0].mean():.1f} chosen")
    print(f"kernel: {whole[:, 1:].mean():.1f} whole, {chosen[:, 1:].mean():.1f} chosen")


if __name__ == "__main__":
    main()
