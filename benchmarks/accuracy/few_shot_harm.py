"""Gain or loss from labelled images that are few, wrong or partly labelled.

    python -m benchmarks.accuracy.few_shot_harm --testbed photos

Prints the gain of the default classifier over texts alone in points of mAP: the mean over the
splits into halves, with the lowest in brackets, for whole images and with regions.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.model_selection import few_shot_indices, mask_labels

from ..testbeds import add_arguments, load_testbed
from .few_shot_setting import mislabel


def cases(Y: np.ndarray, seed: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name of the case, rows of the images, and the labels that the classifier gets."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(Y))
    for n in (1, 5, 15):
        yield f"{n} images in all", order[:n], Y[order[:n]]
    for shots in (1, 4):
        rows = few_shot_indices(Y, shots, random_state=seed)
        yield f"{shots} a label", rows, Y[rows]
        wrong = mislabel(Y[rows], 0.1, seed)
        yield f"{shots} a label, of their labels 10 % moved to others", rows, wrong
    turned = np.where(rng.random(Y[rows].shape) < 0.1, 1 - Y[rows], Y[rows])
    yield "4 per label, 10 % of all entries turned round", rows, turned
    for share in (0.5, 0.1):
        known = mask_labels(Y, share, random_state=seed)
        yield f"all images, {share:.0%} of the entries known", np.arange(len(Y)), known
    hidden = rng.permutation(Y.shape[1])[: Y.shape[1] // 2]
    rows = rows[~Y[rows][:, hidden].any(axis=1)]
    yield "half of the labels on no image", rows, Y[rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")  # about labels without images
    bed = load_testbed(args)
    gains: dict[str, list[list[float]]] = {}
    for seed in tqdm(range(args.seeds), unit="seed"):
        embeddings, Y, (train, test) = bed.draw(args.n_texts, seed)

        def scores(clf: TextAsImageClassifier, test: np.ndarray = test) -> np.ndarray:
            return np.array([clf.score(v[test], bed.Y[test]) for v in bed.views.values()])

        alone = scores(TextAsImageClassifier().fit(embeddings, Y))
        for name, rows, labels in cases(bed.Y[train], seed):
            modality = np.repeat(["text", "image"], [len(embeddings), len(rows)])
            X = np.vstack([embeddings, bed.wholes[train][rows]])
            clf = TextAsImageClassifier().fit(X, np.vstack([Y, labels]), modality)
            gains.setdefault(name, []).append(list(100 * (scores(clf) - alone)))
    print(
        f"\n| {bed.name} | " + " | ".join(bed.views) + " |\n|---" + "|---" * len(bed.views) + "|"
    )
    for name, found in gains.items():
        mean, lowest = np.mean(found, axis=0), np.min(found, axis=0)
        cells = [f"{m:+.1f} ({low:+.1f})" for m, low in zip(mean, lowest)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
