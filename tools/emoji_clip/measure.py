"""Measure the bundled model for its model card (``--work`` names the folder of the art)."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from data import Pairs
from PIL import Image
from sklearn.preprocessing import normalize
from sprites import TEST_STYLES, TRAIN_STYLES, load_sprites
from vocabulary import load_vocabulary

from sklearn_tai import OpenCLIPEncoder, ZeroShotClassifier
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.metrics import mean_average_precision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the art")
    parser.add_argument("--n-pairs", type=int, default=1000)
    args = parser.parse_args()
    encoder = OpenCLIPEncoder("tai-tiny")
    labels = sorted({entry.label for entry in load_vocabulary()})
    entry_labels = [labels.index(entry.label) for entry in load_vocabulary()]
    every = ZeroShotClassifier(labels, encoder).fit()
    for name, styles in (("training art", TRAIN_STYLES), ("held-out art", TEST_STYLES)):
        sprites = load_sprites(styles, args.work / "art")
        pairs = Pairs(sprites, args.n_pairs, seed=10**6, augment=False)
        pictures, texts = zip(*(pairs[i] for i in range(args.n_pairs)))
        V = encoder.transform([Image.fromarray(p) for p in pictures])
        T = encoder.transform(list(texts))
        print(f"{name}, {args.n_pairs} new pairs")
        for kind, E in (("image", V), ("text", T)):
            norms = np.linalg.norm(E, axis=1)
            print(f"  norm of {kind} embeddings: {norms.mean():.2f} +- {norms.std():.2f}")
        print(f"  distance of the centroids: {np.linalg.norm(V.mean(0) - T.mean(0)):.2f}")
        U, W = normalize(V), normalize(T)
        print(f"  distance of the unit centroids: {np.linalg.norm(U.mean(0) - W.mean(0)):.3f}")
        similarity = U @ W.T
        for k in (1, 5, 10):
            own = np.diag(similarity)
            to_text = ((similarity > own[:, None]).sum(1) < k).mean()
            to_image = ((similarity > own[None, :]).sum(0) < k).mean()
            print(f"  recall at {k}: image to text {to_text:.3f}, text to image {to_image:.3f}")
        Y = np.zeros((args.n_pairs, len(labels)), dtype=int)
        for i in range(args.n_pairs):
            Y[i, [entry_labels[e] for e in pairs.entries(i)]] = 1
        score = mean_average_precision(Y, every.decision_function(V))
        print(f"  zero-shot mAP over {len(labels)} labels: {score:.3f} (chance {Y.mean():.3f})")
    scenes = load_emoji_scenes()
    score = ZeroShotClassifier(scenes.label_names, encoder).fit().score(scenes.images, scenes.Y)
    print(f"bundled pictures: zero-shot mAP {score:.3f} (chance {scenes.Y.mean():.3f})")


if __name__ == "__main__":
    main()
