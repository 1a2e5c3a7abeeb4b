"""Seconds and memory per update over the number of labels (Fig. 1).

    python -m benchmarks.paper.fig1

Every method trains on random embeddings in its own process, with all of them in one batch,
so an epoch is one update. A method that needs more than a minute per update, or more than
16 GiB, is stopped and not tried with more labels.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..testbeds import untrained

NO_UPDATES = ["our default", "zero-shot CLIP"]
METHODS = ["TaI-Adapter", "CoMC", "SARB", "CoOp", "DualCoOp", "TaI-DPT", *NO_UPDATES]
N_LABELS = [20, 80, 400, 2000, 7186]
GIB = 2**30


def make(name: str, model: str, n_labels: int, **common: Any) -> Any:
    from sklearn_tai import TextAsImageClassifier, ZeroShotClassifier
    from sklearn_tai import baselines as rivals

    labels = [f"object {i}" for i in range(n_labels)]
    encoder = untrained(model)
    if name == "zero-shot CLIP":
        return ZeroShotClassifier(labels, encoder, templates=["a photo of {}."])
    if name == "our default":
        return TextAsImageClassifier(encoder)
    if name == "TaI-Adapter":
        return TextAsImageClassifier.paper(encoder=encoder, **common)
    if name in ("CoMC", "SARB"):
        return getattr(rivals, f"{name}Classifier")(encoder, **common)
    return getattr(rivals, f"{name.replace('-', '')}Classifier")(labels, encoder, **common)


def one(name: str, model: str, n_labels: int, n_items: int) -> None:
    """Print seconds of an update, of the rest of a fit, and peak memory in MiB."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_DATA, (16 * GIB, 16 * GIB))
    n_features = untrained(model)._load().model.visual.output_dim
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_items, n_features)).astype(np.float32)
    Y = np.zeros((n_items, n_labels))
    Y[np.arange(n_items), rng.integers(n_labels, size=n_items)] = 1
    seconds: list[float] = []

    def give_up(*_: Any) -> None:
        print(json.dumps({"step": 70.0, "rest": 0.0, "peak": 0.0}), flush=True)
        os._exit(0)

    signal.signal(signal.SIGALRM, give_up)
    if name not in NO_UPDATES:
        signal.alarm(70)  # for the first update and a little overhead
    for max_epochs in (1, 1, 3):  # the first is a warm-up
        settings = {"max_epochs": max_epochs, "batch_size": n_items, "random_state": 0}
        clf = make(name, model, n_labels, **settings)
        begun = time.perf_counter()
        clf.fit(X, Y)
        seconds.append(time.perf_counter() - begun)
        signal.alarm(0)
        if seconds[0] > 10:  # the overhead of a fit no longer matters
            break
    step = (seconds[2] - seconds[1]) / 2 if len(seconds) == 3 else seconds[0]
    rest = seconds[1] - step if len(seconds) == 3 else 0.0
    if name in NO_UPDATES:  # fit only encodes prompts or stores the texts
        step, rest = 0.0, seconds[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"step": max(step, 0.0), "rest": max(rest, 0.0), "peak": peak}))


def try_one(name: str, model: str, n_labels: int, args: argparse.Namespace) -> dict[str, Any]:
    module = "benchmarks.paper.fig1"
    command = [sys.executable, "-m", module, "--one", name, model, str(n_labels)]
    command += ["--batch-size", str(args.batch_size)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=args.max_seconds)
    except subprocess.TimeoutExpired:
        return {"stopped": "more than 60 s an update"}
    if done.returncode:
        last = done.stderr.strip().split("\n")[-1]
        memory = "memory" in last.lower() or "alloc" in last.lower() or done.returncode < 0
        return {"stopped": "more than 16 GiB" if memory else last[:80]}
    found = json.loads(done.stdout.strip().split("\n")[-1])
    return {"stopped": "more than 60 s an update", **found} if found["step"] > 60 else found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--one", nargs=3, metavar=("METHOD", "MODEL", "N_LABELS"))
    parser.add_argument("--models", nargs="+", default=["tai-tiny", "RN50"])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--labels", nargs="+", type=int, default=N_LABELS)
    parser.add_argument("--batch-size", type=int, default=64, help="the paper's")
    parser.add_argument("--max-seconds", type=float, default=200.0)
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the figure")
    args = parser.parse_args()
    if args.one:
        return one(args.one[0], args.one[1], int(args.one[2]), args.batch_size)
    for model in args.models:
        results: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in args.methods}
        print(f"\n{model}: seconds of an update / peak memory (GiB)\n")
        print("| method | " + " | ".join(f"{n:,} labels" for n in args.labels) + " |")
        print("|---" * (len(args.labels) + 1) + "|")
        for name in tqdm(args.methods, desc=model):
            for n_labels in args.labels:
                found = try_one(name, model, n_labels, args)
                results[name][n_labels] = found
                if "stopped" in found:
                    break
            # printed at once, so an interruption loses only one method
            cells = " | ".join(cell(results[name].get(n)) for n in args.labels)
            print(f"| {name} | {cells} |", flush=True)
        draw(args.out / f"fig1_{model}.png", results, f"{model}, a batch of {args.batch_size}")


def cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return "not tried"
    if "stopped" in found:
        return f"stopped: {found['stopped']}"
    memory = f"{found['peak'] / 1024:.1f}"
    if not found["step"]:
        return f"no updates, fit {found['rest']:.1f} s / {memory}"
    return f"{found['step']:.3f} / {memory}"


def draw(path: Path, results: dict[str, dict[int, dict[str, Any]]], suptitle: str) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for ax, key, title in zip(
        axes, ("step", "peak"), ("seconds of an update", "peak memory (MiB)")
    ):
        for name, by_labels in results.items():
            ran = {n: f[key] for n, f in by_labels.items() if "stopped" not in f}
            if name in NO_UPDATES and key == "step":
                continue  # it has no updates
            ax.plot(list(ran), list(ran.values()), marker="o", label=name)
        ax.set(xscale="log", yscale="log", xlabel="labels", title=title)
    figure.suptitle(suptitle)
    handles, names = axes[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    print(f"\nfigure: {path}")


if __name__ == "__main__":
    main()
