"""Which images to label next: mAP after 15, 30, ... labelled images, by how they are chosen.

    python -m benchmarks.accuracy.active_learning --testbed published

Each seed splits the images into halves: images are chosen from one half, 15 at a time, and the
other half is scored. Prints the mean over the seeds, also with regions if there are any.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity
from tqdm import tqdm

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.model_selection import entropy_sampling

from ..testbeds import add_arguments, load_testbed

STEP, N_STEPS = 15, 5


def rank(name: str, clf: TextAsImageClassifier, X: np.ndarray, seed: int) -> np.ndarray:
    """Rows of `X`, in the order in which to label them."""
    if name == "at random":
        return np.random.default_rng(seed).permutation(len(X))
    if name == "entropy":
        return entropy_sampling(clf, X)
    if name == "least confidence":
        proba = clf.predict_proba(X)
        return np.argsort(-np.minimum(proba, 1 - proba).max(axis=1), kind="stable")
    centered = X - X.mean(axis=0)  # density: images that are similar to many others first
    return np.argsort(-cosine_similarity(centered).mean(axis=1), kind="stable")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")  # about labels without images
    bed = load_testbed(args)
    curves: dict[str, list[list[float]]] = {}
    for seed in tqdm(range(args.seeds), unit="seed"):
        embeddings, Y, (pool, test) = bed.draw(args.n_texts, seed)
        X = bed.wholes[pool]
        for name in ("at random", "entropy", "least confidence", "density"):
            clf, scores = TextAsImageClassifier().fit(embeddings, Y), []
            labelled = np.empty(0, int)
            for step in range(N_STEPS):
                ranked = rank(name, clf, X, 100 * seed + step)
                labelled = np.r_[labelled, ranked[~np.isin(ranked, labelled)][:STEP]]
                clf = TextAsImageClassifier().fit(embeddings, Y)
                modality = ["image"] * len(labelled)
                clf.partial_fit(X[labelled], bed.Y[pool][labelled], modality, clf.classes_)
                scores += [100 * clf.score(v[test], bed.Y[test]) for v in bed.views.values()]
            curves.setdefault(name, []).append(scores)
    print(f"\n| {bed.name}, images | " + " | ".join(str(STEP * (i + 1)) for i in range(N_STEPS)))
    for name, found in curves.items():
        mean = np.reshape(np.mean(found, axis=0), (N_STEPS, -1)).T
        for view, row in zip(("", ", regions"), mean):
            print(f"| {name}{view} | " + " | ".join(f"{value:.1f}" for value in row) + " |")


if __name__ == "__main__":
    main()
