"""Quality of labels and probabilities without labelled images, by the number of labels.

    python -m benchmarks.accuracy.cuts --testbed photos --ground FOLDER

Columns: micro F1 of ``predict`` and of the best single cut of its scores (chosen on the scored
images), and their mean ratio over label sets; F1 of ``predict`` in each half of the images, and of
the cut that is best on the other half; the share of images without any of the labels that get
one; the share of labels found; the calibration error in %, also after calibration with 25 labelled
images of the other half. Each seed draws a new set of labels from those that occur. Zero-shot
CLIP is standardised against everyday things.
"""

from __future__ import annotations

import argparse
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score, precision_recall_curve
from tqdm import tqdm

from sklearn_tai import (
    MultiLabelCalibratedClassifier,
    PromptCorpusGenerator,
    RandomPerturbation,
)
from sklearn_tai.metrics import expected_calibration_error, mean_average_precision

from ..testbeds import Testbed, add_arguments, classifier, halves, load_testbed
from .headline import of_some_labels

SIZES = (80, 20, 8, 3, 1)
COLUMNS = (
    "mAP",
    "F1",
    "best F1",
    "ratio",
    "in halves",
    "cut by half",
    "false labels",
    "found",
    "ECE",
    "ECE, 25",
)


def best_cut(Y: np.ndarray, scores: np.ndarray) -> float:
    precision, recall, cuts = precision_recall_curve(Y.ravel(), scores.ravel())
    f1 = precision * recall / np.maximum(precision + recall, 1e-9)
    return float(np.nextafter(cuts[f1[:-1].argmax()], -np.inf))


def micro_f1(Y: np.ndarray, named: np.ndarray) -> float:
    """F1 over all entries; scikit-learn's "micro" F1 of a single label is its accuracy."""
    return f1_score(Y.ravel(), named.ravel(), zero_division=0)


def measures(bed: Testbed, args: argparse.Namespace, seed: int) -> dict[str, list[float]]:
    """The values of the columns, by classifier and view."""
    texts, Y = PromptCorpusGenerator(args.n_texts, random_state=seed).generate(bed.label_names)
    X = bed.encoder.transform(texts)
    classifiers: dict[str, Any] = {
        args.adapter: classifier(args, RandomPerturbation(), seed).fit(X, Y),
        "zero-shot": bed.zero_shot(standardize=True, background=True),
    }
    views = {"whole": bed.wholes, "with regions": bed.images}
    return {
        f"{name} | {view}": judge(clf, images, bed.Y, seed)
        for name, clf in classifiers.items()
        for view, images in list(views.items())[: 1 + (bed.images.ndim == 3)]
    }


def judge(clf: Any, images: np.ndarray, Y: np.ndarray, seed: int) -> list[float]:
    scores, named = clf.decision_function(images), clf.predict(images)
    f1, best = micro_f1(Y, named), micro_f1(Y, scores > best_cut(Y, scores))
    first, second = halves(len(Y), seed)
    fair, errors = [], []
    for own, other in ((first, second), (second, first)):
        fair.append(micro_f1(Y[other], scores[other] > best_cut(Y[own], scores[own])))
        with suppress(ValueError):  # the 25 images may have no label
            calibrated = MultiLabelCalibratedClassifier(FrozenEstimator(clf))
            calibrated.fit(images[own[:25]], Y[own[:25]])
            proba = calibrated.predict_proba(images[other])
            errors.append(expected_calibration_error(Y[other], proba))
    of_halves = np.mean([micro_f1(Y[half], named[half]) for half in (first, second)])
    without = ~Y.any(axis=1)
    return [
        mean_average_precision(Y, scores),
        f1,
        best,
        f1 / best,
        of_halves,
        np.mean(fair),
        named[without].any(axis=1).mean() if without.any() else np.nan,
        named[Y == 1].mean(),
        expected_calibration_error(Y, clf.predict_proba(images)),
        np.mean(errors) if errors else np.nan,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of labels")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UndefinedMetricWarning)  # labels without images
    everything = load_testbed(args)
    print(f"| labels | scores | images | {' | '.join(COLUMNS)} |")
    print(f"|{'---|' * (3 + len(COLUMNS))}")
    n_labels = everything.Y.shape[1]
    for size in [n for n in args.sizes if n <= n_labels]:
        args.n_texts = 3000 if size == n_labels > 20 else 1000
        rows: dict[str, list[list[float]]] = {}
        for seed in tqdm(range(args.seeds), unit="seed", leave=False):
            bed = everything if size == n_labels else of_some_labels(everything, size, seed)
            for name, row in measures(bed, args, seed).items():
                rows.setdefault(name, []).append(row)
        for name, values in rows.items():
            means = zip(COLUMNS, np.nanmean(values, axis=0))
            cells = [f"{v:.2f}" if "ratio" in c else f"{100 * v:.1f}" for c, v in means]
            print(f"| {size} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
