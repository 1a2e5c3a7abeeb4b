"""Time and memory of an update from 20 to 7,186 labels.

    python -m benchmarks.speed.label_scaling

Each number of labels has a process of its own, for its peak memory; labels are sparse.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
from scipy import sparse
from tqdm import tqdm

from sklearn_tai import MLPAdapter, RandomPerturbation
from sklearn_tai.adapters import TrainingData

N_TEXTS, D = 10_000, 1024
N_LABELS = [20, 80, 400, 2000, 7186]


def one(n_labels: int, epochs: int) -> None:
    """Train with `n_labels` labels; print seconds an update and peak memory in MiB."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_TEXTS, D)).astype(np.float32)
    rows = np.repeat(np.arange(N_TEXTS), 3)
    Y = sparse.csr_array(
        (np.ones(3 * N_TEXTS, np.float32), (rows, rng.integers(n_labels, size=3 * N_TEXTS))),
        shape=(N_TEXTS, n_labels),
    )
    Y.data[:] = 1  # a label drawn twice
    begun = time.perf_counter()
    adapter = MLPAdapter(max_epochs=epochs, device="cpu", random_state=0)
    data = TrainingData(X, Y, np.zeros(N_TEXTS, dtype=bool))
    adapter.fit(data, RandomPerturbation().fit(X))
    n_steps = epochs * -(-N_TEXTS // 64)
    n_params = sum(p.numel() for p in adapter.net_.module_.parameters())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print((time.perf_counter() - begun) / n_steps, peak, n_params)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--one", type=int, help="train with this number of labels only")
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    if args.one:
        return one(args.one, epochs=1)
    command = [sys.executable, "-m", "benchmarks.speed.label_scaling", "--one"]
    runs = np.array(
        [
            [
                list(map(float, subprocess.check_output([*command, str(n)]).split()))
                for n in tqdm(N_LABELS, desc=f"turn {turn + 1}", leave=False)
            ]
            for turn in range(args.turns)
        ]
    )
    print(
        "| labels | time of an update, to 20 labels | peak memory, to 20 labels "
        "| adapter parameters, to 20 labels |\n|---|---|---|---|"
    )
    ratios = np.median(runs / runs[:, :1], axis=0)
    for n, ratio in zip(N_LABELS, ratios):
        print(f"| {n:,} | {ratio[0]:.2f} | {ratio[1]:.2f} | {ratio[2]:.2f} |")


if __name__ == "__main__":
    main()
