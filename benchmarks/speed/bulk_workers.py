"""Photos per second of `predict_folder`, by one worker and by two that share the work.

    python -m benchmarks.speed.bulk_workers [FOLDER]

Each worker is a process on its own core, like a machine in a cluster, and makes the same call.
Photos are JPEGs from the folder, or else noise, resized to 640 x 480 pixels. Time is measured from
when all have loaded the model until the last has finished; one worker and two take turns.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.deploy import predict_folder

from ..testbeds import untrained
from .file_to_label import photos

N_LABELS = 80
Plan = list[tuple[Path, int]]  # output folder and number of workers of each run


def work(rank: int, name: str, paths: list[Path], part_size: int, plan: Plan, barrier: Barrier):
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})
    torch.set_num_threads(1)
    torch.manual_seed(0)  # for the same weights
    rng = np.random.default_rng(0)
    encoder = untrained(name).set_params(precision="bf16")
    embeddings = rng.normal(size=(1000, encoder.transform(paths[:32]).shape[1]))
    clf = TextAsImageClassifier(encoder)
    clf.fit(embeddings, np.eye(N_LABELS, dtype=int)[rng.integers(N_LABELS, size=1000)])
    for output, n_workers in plan:
        barrier.wait()
        if rank < n_workers:
            predict_folder(clf, paths, output, part_size=part_size)
        barrier.wait()


def seconds(name: str, paths: list[Path], part_size: int, plan: Plan) -> np.ndarray:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    for rank in range(2):
        args = (rank, name, paths, part_size, plan, barrier)
        spawn.Process(target=work, args=args, daemon=True).start()
    taken = []
    for _ in tqdm(plan, desc=name, leave=False):
        barrier.wait()
        begun = time.perf_counter()
        barrier.wait()
        taken.append(time.perf_counter() - begun)
    return np.array(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--models", nargs="+", default=["tai-tiny", "ViT-B-32"])
    parser.add_argument("--n-images", type=int, default=800)
    parser.add_argument("--part-size", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "photos")
        folder.mkdir()
        paths = photos(args.folder, (640, 480), args.n_images, folder)
        print("| model | photos/s, 1 worker | photos/s, 2 workers | ratio | range |")
        print("|---|---|---|---|---|")
        for name in args.models:
            plan = [(Path(scratch, name, str(k)), 1 + k % 2) for k in range(2 * args.turns)]
            one, two = seconds(name, paths, args.part_size, plan).reshape(-1, 2).T
            ratios = one / two
            speeds = len(paths) / np.median([one, two], axis=1)
            print(
                f"| {name} | {speeds[0]:.1f} | {speeds[1]:.1f} | {np.median(ratios):.2f} "
                f"| {min(ratios):.2f} to {max(ratios):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
