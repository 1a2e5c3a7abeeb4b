"""The cost of regions relative to encoding, from 20 to 7,186 labels.

    python -m benchmarks.speed.region_cost

In turns, images are encoded without regions, encoded with regions, and labelled with regions by
the default classifier of 5,000 texts. Prints the median ratio of seconds to the first. Each number
of labels runs in its own process, for its peak memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from resource import RUSAGE_SELF, getrusage
from typing import Any

import numpy as np
from scipy import sparse
from tqdm import tqdm

from sklearn_tai import TextAsImageClassifier

from ..testbeds import untrained

N_TEXTS, D = 5_000, 512
N_LABELS = [20, 80, 1000, 7186]


def fitted(model: str, n_labels: int) -> TextAsImageClassifier:
    """The default classifier on texts of three labels each."""
    rng = np.random.default_rng(0)
    Y = sparse.lil_array((N_TEXTS, n_labels), dtype=np.int8)
    Y[np.repeat(np.arange(N_TEXTS), 3), rng.integers(n_labels, size=3 * N_TEXTS)] = 1
    X = rng.standard_normal((N_TEXTS, D)).astype(np.float32)
    return TextAsImageClassifier(untrained(model)).fit(X, Y.tocsr())


def one(args: Any, n_labels: int) -> None:
    """Print the ratios of each turn, then peak memory in MiB: of encoding wholes, and of all."""
    clf = fitted(args.model, n_labels)
    pixels = np.random.default_rng(0).integers(0, 256, (args.n_images, 224, 224, 3), np.uint8)
    images = list(pixels)
    clf.encoder_.transform(images)
    memory = [getrusage(RUSAGE_SELF).ru_maxrss / 1024]
    clf.predict_proba(images[:2])
    ways = [
        lambda: clf.encoder_.transform(images),
        lambda: [None for _ in clf.encoder_.iter_batches(images, regions=True)],
        lambda: clf.predict_proba(images),
    ]
    for _ in range(args.turns):
        seconds = []
        for way in ways:
            begun = time.perf_counter()
            way()
            seconds.append(time.perf_counter() - begun)
        print(*np.array(seconds[1:]) / seconds[0])
    print(*memory, getrusage(RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--one", type=int, help="with this number of labels only")
    parser.add_argument("--model", default="ViT-B-16", help="whose embeddings have 512 numbers")
    parser.add_argument("--n-images", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    if args.one:
        return one(args, args.one)
    print("| labels | encoding with regions | labels by regions | range | ", end="")
    print("peak memory, wholes (MiB) | with regions (MiB) |\n|---|---|---|---|---|---|")
    for n in tqdm(N_LABELS):
        options = ["--model", args.model, "--n-images", args.n_images, "--turns", args.turns]
        command = [sys.executable, "-m", "benchmarks.speed.region_cost", "--one", n, *options]
        found = subprocess.check_output([str(part) for part in command], text=True)
        rows = np.array([line.split() for line in found.splitlines()], dtype=float)
        (encoding, scoring), (wholes, regions) = np.median(rows[:-1], axis=0), rows[-1]
        spread = f"{rows[:-1, 1].min():.2f} to {rows[:-1, 1].max():.2f}"
        ratios = f"{encoding:.2f} | {scoring:.2f} | {spread}"
        print(f"| {n:,} | {ratios} | {wholes:.0f} | {regions:.0f} |", flush=True)


if __name__ == "__main__":
    main()
