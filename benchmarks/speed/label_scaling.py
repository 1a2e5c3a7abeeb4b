"""Time and memory of every adapter over the numbers of labels and texts (Fig. 1).

    python -m benchmarks.speed.label_scaling

Each case runs in its own process, for its peak memory. Embeddings are random, and labels sparse:
three per text, as in a `Corpus`. An update is an epoch of the network, or `partial_fit` of the
kernel with another 100 texts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from tqdm import tqdm

from sklearn_tai import KernelAdapter, MLPAdapter, TextAsImageClassifier
from sklearn_tai.deploy import save_classifier

N_FEATURES = 512
CASES = [
    *[("kernel", n_labels, 10_000) for n_labels in (20, 80, 400, 2_000, 7_186)],
    *[("kernel", 7_186, n_texts) for n_texts in (5_000, 100_000)],
    *[("network", n_labels, 10_000) for n_labels in (20, 80, 400, 2_000, 7_186)],
]


def seconds(call: Callable[[], Any], turns: int = 1) -> float:
    spent = []
    for _ in range(turns):
        begun = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begun)
    return float(np.median(spent))


def one(adapter: str, n_labels: int, n_texts: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_texts, N_FEATURES), dtype=np.float32)
    columns = rng.integers(n_labels, size=3 * n_texts)
    shape = (n_texts, n_labels)
    Y = sparse.csr_array((np.ones(3 * n_texts), (np.arange(3 * n_texts) // 3, columns)), shape)
    Y.data[:] = 1  # not 2 if a label was drawn twice
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if adapter == "kernel":
        clf = TextAsImageClassifier(adapter=KernelAdapter(device="cpu"))
    else:
        clf = TextAsImageClassifier(adapter=MLPAdapter(max_epochs=1, device="cpu", random_state=0))
    found = {"fit": seconds(lambda: clf.fit(X, Y))}
    found["fit MiB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    # with Y's columns in classes_, so that they are the same labels
    more = (X[:100], Y[:100].toarray())
    found["update"] = found["fit"]
    if adapter == "kernel":
        found["update"] = seconds(lambda: clf.partial_fit(*more))
    found["one image"] = seconds(lambda: clf.predict_proba(X[:1]), 9)
    found["64 images"] = seconds(lambda: clf.predict_proba(X[:64]), 5)
    found["regions"] = seconds(lambda: clf.predict_proba(X[None, :197]), 5)
    found["peak MiB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with tempfile.TemporaryDirectory() as folder:
        save_classifier(clf, Path(folder) / "clf")
        files = (Path(folder) / "clf").rglob("*")
        found["saved MB"] = sum(f.stat().st_size for f in files if f.is_file()) / 1e6
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--one", nargs=3, metavar=("ADAPTER", "N_LABELS", "N_TEXTS"))
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one[0], int(args.one[1]), int(args.one[2]))))
        return
    print(
        "| adapter, labels, texts | fit (s) | update (s) | one image (ms) | 64 images (ms)", end=""
    )
    print(" | with 196 regions (ms) | memory to fit (MiB) | at the end (MiB) | saved (MB) |")
    print("|---" * 9 + "|")
    for adapter, n_labels, n_texts in tqdm(CASES, unit="case"):
        command = [sys.executable, "-m", "benchmarks.speed.label_scaling", "--one"]
        command += [adapter, str(n_labels), str(n_texts)]
        r = json.loads(subprocess.check_output(command))
        print(
            f"| {adapter}, {n_labels:,}, {n_texts:,} | {r['fit']:.2f} | {r['update']:.2f} "
            f"| {1000 * r['one image']:.1f} | {1000 * r['64 images']:.0f} "
            f"| {1000 * r['regions']:.0f} | {r['fit MiB']:.0f} "
            f"| {r['peak MiB']:.0f} | {r['saved MB']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
