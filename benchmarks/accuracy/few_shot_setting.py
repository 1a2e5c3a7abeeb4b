"""Texts and a few labelled images: mAP and F1 over shots (Fig. 6b).

    python -m benchmarks.accuracy.few_shot_setting --seeds 5

Each seed splits the images into halves: shots come from one, scores from the other. Prints
Markdown tables and draws ``few_shot_<testbed>.png``. The default classifier, in which images
correct the texts, is compared with the paper's network on both (``--adapter kernel`` leaves it
out), with logistic regression on the images alone, and with the mean of that and texts alone
(score integration, the paper's section 8). ``--mislabelled`` replaces a share of the images'
labels by wrong ones.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from tqdm import tqdm

from sklearn_tai import (
    MixedPerturbation,
    ScoreEnsemble,
    TextAsImageClassifier,
)
from sklearn_tai.metrics import mean_average_precision
from sklearn_tai.model_selection import few_shot_indices

from ..testbeds import (
    Testbed,
    add_arguments,
    classifier,
    draw_curves,
    load_testbed,
    markdown,
)


def mislabel(Y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Replace a share of the labels by ones that the image does not have."""
    rng, Y = np.random.default_rng(seed), Y.copy()
    for row, k in np.argwhere(Y == 1):
        if rng.random() < share:
            Y[row, k], Y[row, rng.choice(np.flatnonzero(Y[row] == 0))] = 0, 1
    return Y


def methods(args: argparse.Namespace, bed: Testbed, seed: int) -> Iterator[tuple[str, int, list]]:
    """Name, number of shots, mAP and micro F1 of each method."""
    embeddings, Y, (train, test) = bed.draw(args.n_texts, seed)
    alone = TextAsImageClassifier().fit(embeddings, Y)

    def measured(clf, images=bed.wholes) -> list[float]:
        named = clf.predict(images[test])
        return [
            clf.score(images[test], bed.Y[test]),
            f1_score(bed.Y[test], named, average="micro"),
        ]

    yield "zero-shot CLIP", 0, measured(bed.zero_shot())
    for shots in args.shots:
        drawn = train[few_shot_indices(bed.Y[train], shots, random_state=seed)]
        labels = mislabel(bed.Y[drawn], args.mislabelled, seed)
        X, both = np.vstack([embeddings, bed.wholes[drawn]]), np.vstack([Y, labels])
        modality = np.repeat(["text", "image"], [len(embeddings), len(drawn)])
        clf = TextAsImageClassifier().fit(X, both, modality)
        yield "texts and images", shots, measured(clf)
        if bed.images.ndim == 3:
            yield "the same, with regions", shots, measured(clf, bed.images)
        if args.adapter == "network":
            mixed = classifier(args, MixedPerturbation(), seed).fit(X, both, modality)
            yield "network on both", shots, measured(mixed)
        if shots:
            images = OneVsRestClassifier(LogisticRegression(C=10))
            images.fit(bed.wholes[drawn], labels)
            average = ScoreEnsemble(
                [("texts", FrozenEstimator(alone)), ("images", FrozenEstimator(images))]
            )
            average.fit(bed.wholes[train])
            score = average.score(bed.wholes[test], bed.Y[test])
            yield "texts alone averaged with the next", shots, [score, np.nan]
            proba = images.predict_proba(bed.wholes[test])
            score = mean_average_precision(bed.Y[test], proba)
            named = images.predict(bed.wholes[test])
            f1 = f1_score(bed.Y[test], named, average="micro")
            yield "images alone, logistic regression", shots, [score, f1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--shots", type=int, nargs="+", default=[0, 1, 2, 4, 8, 16])
    parser.add_argument("--mislabelled", type=float, default=0.0)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")  # about rare labels with fewer than 16 images, or none
    bed = load_testbed(args)
    scores: dict[tuple[str, int], list[list[float]]] = {}
    for seed in tqdm(range(args.seeds), unit="seed"):
        for name, shots, values in methods(args, bed, seed):
            scores.setdefault((name, shots), []).append(values)
    print(f"\n{bed.name}: half of {len(bed.Y)} to train, half to test, {args.seeds} seeds")
    for i, measure in enumerate(["mAP", "micro F1 of predict"]):
        print(f"\n{measure}\n")
        print(
            markdown((f"{name}, {n} shots", np.array(v)[:, i]) for (name, n), v in scores.items())
        )
    nothing = [[np.nan, np.nan]] * args.seeds
    names = dict.fromkeys(name for name, _ in scores if name != "zero-shot CLIP")
    draw_curves(
        args.out / f"few_shot_{bed.name}.png",
        args.shots,
        {k: [[v[0] for v in scores.get((k, n), nothing)] for n in args.shots] for k in names},
        xlabel="images per label",
        reference=float(np.mean([v[0] for v in scores["zero-shot CLIP", 0]])),
    )


if __name__ == "__main__":
    main()
