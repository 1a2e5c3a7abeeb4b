"""How good the labels are that ``predict`` names, with no label known, by the number of labels.

    python -m benchmarks.accuracy.cuts --testbed photos --ground FOLDER

Micro F1 of ``predict``, of the best single cut of the same scores (chosen on the scored images),
the mean ratio of both over label sets, the share of images with none of the labels that get one,
the share of labels that are found, and the calibration error in %. Random labels of those that
occur, a new set each seed.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import f1_score
from tqdm import tqdm

from sklearn_tai import PromptCorpusGenerator, RandomPerturbation
from sklearn_tai.metrics import expected_calibration_error, mean_average_precision

from ..testbeds import Testbed, add_arguments, classifier, load_testbed
from .headline import of_some_labels

SIZES = (80, 20, 8, 3, 1)


def best_f1(Y: np.ndarray, scores: np.ndarray) -> float:
    cuts = np.quantile(scores, np.linspace(0, 1, 400))
    return max(micro_f1(Y, scores > cut) for cut in cuts)


def micro_f1(Y: np.ndarray, named: np.ndarray) -> float:
    """Over all entries; scikit-learn's "micro" of one label is its accuracy."""
    return f1_score(Y.ravel(), named.ravel(), zero_division=0)


def measures(bed: Testbed, args: argparse.Namespace, seed: int) -> dict[str, list[float]]:
    """By view: mAP, F1 named, best F1, their ratio, false naming, recall, calibration error."""
    texts, Y = PromptCorpusGenerator(args.n_texts, random_state=seed).generate(bed.label_names)
    X = bed.encoder.transform(texts)
    clf = classifier(args, RandomPerturbation(), seed).fit(X, Y)
    found = {}
    views = {"whole": bed.wholes, "with regions": bed.images}
    for view, images in list(views.items())[: 1 + (bed.images.ndim == 3)]:
        scores, named = clf.decision_function(images), clf.predict(images)
        f1 = micro_f1(bed.Y, named)
        best, without = best_f1(bed.Y, scores), ~bed.Y.any(axis=1)
        false = named[without].any(axis=1).mean() if without.any() else np.nan
        recall = named[bed.Y == 1].mean()
        ranked = mean_average_precision(bed.Y, scores)
        error = expected_calibration_error(bed.Y, clf.predict_proba(images))
        found[view] = [ranked, f1, best, f1 / best, false, recall, error]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of labels")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UndefinedMetricWarning)  # labels without images
    everything = load_testbed(args)
    print("| labels | images | mAP | F1 | best F1 | ratio | falsely named | found | ECE |")
    print("|---|---|---|---|---|---|---|---|---|")
    n_labels = everything.Y.shape[1]
    for size in [n for n in args.sizes if n <= n_labels]:
        args.n_texts = 3000 if size == n_labels > 20 else 1000
        rows: dict[str, list[list[float]]] = {}
        for seed in tqdm(range(args.seeds), unit="seed", leave=False):
            bed = everything if size == n_labels else of_some_labels(everything, size, seed)
            for view, row in measures(bed, args, seed).items():
                rows.setdefault(view, []).append(row)
        for view, values in rows.items():
            ranked, f1, best, ratio, false, recall, error = np.nanmean(values, axis=0)
            print(
                f"| {size} | {view} | {100 * ranked:.1f} | {100 * f1:.1f} | {100 * best:.1f} | "
                f"{ratio:.2f} | {100 * false:.0f} % | {100 * recall:.0f} % | {100 * error:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
