"""Thresholds and calibration: F1, precision and calibration error by what is known about images.

python -m benchmarks.accuracy.decisions --testbed pictures

Thresholds and calibration use half of the images, the other half is scored; each seed does
this both ways round.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score, precision_recall_curve
from tqdm import tqdm

from sklearn_tai import PromptCorpusGenerator, RandomPerturbation, TextAsImageClassifier
from sklearn_tai.decisions import MultiLabelCalibratedClassifier, MultiLabelThresholdClassifier
from sklearn_tai.metrics import expected_calibration_error, mean_average_precision

from ..testbeds import add_arguments, halves, load_testbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--radius", type=float, help="of the noise, in mean norms; else auto")
    args = parser.parse_args()
    bed = load_testbed(args)
    figures = defaultdict(list)
    for seed in tqdm(range(args.seeds), unit="fit"):
        corpus = PromptCorpusGenerator(args.n_texts, random_state=seed)
        texts, Y = corpus.generate(bed.label_names)
        embeddings = bed.encoder.transform(texts)
        noise = RandomPerturbation("auto" if args.radius is None else args.radius)
        unfitted = TextAsImageClassifier(perturbation=noise)
        clf = clone(unfitted).fit(embeddings, Y)
        on_texts = tuned(unfitted).fit(embeddings, Y)
        first, second = halves(len(bed.wholes), seed)
        for own, other in ((first, second), (second, first)):
            images, truth = bed.wholes[own], bed.Y[own]
            test = bed.wholes[other], bed.Y[other]
            rows = [("predict", clf), ("cross-validated on the texts", on_texts)]
            rows.append(("predict, above 0.9", copy(clf).set_params(threshold=0.9)))
            for name, choice in [*rows, *choices(clf, images, truth, test)]:
                figures[name].append(judge(choice, *test))
    n_images = len(bed.wholes)
    print(f"\n{bed.name}: {n_images} images, {args.n_texts} texts, {args.seeds} seeds")
    print(f"radius: {noise.radius}\n")
    print("| thresholds | macro F1 | micro F1 | precision | recall | calibration error | mAP |")
    print("|---|---|---|---|---|---|---|")
    for name, values in figures.items():
        v = 100 * np.array(values)
        cells = [f"{m:.1f} ± {s:.1f}" for m, s in zip(v.mean(axis=0), v.std(axis=0, ddof=1))]
        print(f"| {name} | {' | '.join(cells)} |")


def tuned(estimator: Any, **params: Any) -> MultiLabelThresholdClassifier:
    return MultiLabelThresholdClassifier(estimator, **params)


def choices(clf: Any, images: np.ndarray, truth: np.ndarray, test: Any) -> Iterator[Any]:
    """Names and classifiers, from those without any labels to those that know the truth."""
    frozen = FrozenEstimator(clf)
    for n in (10, len(images)):
        yield unlabelled(n, images), tuned(frozen).fit(images[:n])
    for n in sorted({min(n, len(images)) for n in (10, 25, 50, len(images))}):
        labelled = images[:n], truth[:n]
        some = "all labelled (half)" if n == len(images) else f"{n} labelled"
        yield some, tuned(frozen).fit(*labelled)
        alone = tuned(frozen, shrinkage=0)
        yield f"{some}, no shrinkage", alone.fit(*labelled)
        yield f"{some}, precision 0.9", tuned(frozen, precision=0.9).fit(*labelled)
        calibrated = MultiLabelCalibratedClassifier(frozen).fit(*labelled)
        yield f"{some}, calibrated, 0.5", calibrated
        both = tuned(FrozenEstimator(calibrated)).fit(images)
        yield f"{some}, calibrated, then unlabelled", both
    yield "oracle: one threshold, best on the test images", one_threshold(clf, *test)
    alone = tuned(frozen, shrinkage=0)
    yield "oracle: each label's, best on the test images", alone.fit(*test)


def one_threshold(clf: Any, images: np.ndarray, truth: np.ndarray) -> Any:
    """The classifier with the threshold of the highest micro F1."""
    proba = clf.predict_proba(images).ravel()
    precision, recall, cuts = precision_recall_curve(truth.ravel(), proba)
    best = np.argmax(precision * recall / np.maximum(precision + recall, 1e-9))
    return copy(clf).set_params(threshold=float(np.nextafter(cuts[best], 0)))


def unlabelled(n: int, images: np.ndarray) -> str:
    return "all unlabelled (half)" if n == len(images) else f"{n} unlabelled"


def judge(clf: Any, images: np.ndarray, truth: np.ndarray) -> tuple[float, ...]:
    """Macro F1 (of labels that occur), micro F1, precision, recall, ECE, mAP."""
    predicted, proba = clf.predict(images), clf.predict_proba(images)
    seen = truth.any(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # labels without images
        average_precision = mean_average_precision(truth, proba)
    return (
        f1_score(truth[:, seen], predicted[:, seen], average="macro", zero_division=0),
        f1_score(truth, predicted, average="micro", zero_division=0),
        truth[predicted == 1].mean(),
        predicted[truth == 1].mean(),
        expected_calibration_error(truth, proba),
        average_precision,
    )


if __name__ == "__main__":
    main()
