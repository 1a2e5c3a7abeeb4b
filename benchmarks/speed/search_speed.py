"""A search over 8 radii x 3 folds, compared with encoding all texts once and 24 trainings.

    python -m benchmarks.speed.search_speed

Both start without cached embeddings. The search runs on texts, in one process or in two that
share a cache folder. With two processes, the lower bound encodes in this one with both cores,
then trains in parallel. The table has the median ratio of seconds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from tqdm import tqdm

from sklearn_tai import MLPAdapter, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.encoders._cache import MEMORY
from sklearn_tai.metrics import map_scorer

from ..testbeds import untrained

RADII = [0, 0.5, 1, 1.5, 2, 2.5, 3.5, 5]


def fit_head(clf: Any, X: np.ndarray, Y: np.ndarray, radius: float, train: np.ndarray) -> None:
    clone(clf).set_params(perturbation__radius=radius).fit(X[train], Y[train])


def lower_bound(clf: Any, texts: list[str], Y: np.ndarray, n_jobs: int) -> None:
    X = clone(clf.encoder).set_params(cache=None).transform(texts)
    folds = [train for train, _ in KFold(3).split(X)]
    jobs = (delayed(fit_head)(clf, X, Y, radius, train) for radius in RADII for train in folds)
    Parallel(n_jobs)(jobs)


def search(clf: Any, texts: list[str], Y: np.ndarray, n_jobs: int) -> None:
    MEMORY.clear()
    with tempfile.TemporaryDirectory() as folder:
        cache = "memory" if n_jobs == 1 else folder
        GridSearchCV(
            clone(clf).set_params(encoder__cache=cache),
            {"perturbation__radius": RADII},
            cv=KFold(3),
            scoring=map_scorer,
            refit=False,
            n_jobs=n_jobs,
        ).fit(texts, Y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n-texts", type=int, default=900)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--models", nargs="+", default=["tai-tiny", "RN50", "ViT-B-32"])
    args = parser.parse_args()
    labels = load_emoji_scenes().label_names
    texts, Y = PromptCorpusGenerator(args.n_texts, random_state=0).generate(labels)
    print(
        "| model | processes | search / lower bound | range | search (s) |\n|---|---|---|---|---|"
    )
    for model in args.models:
        for n_jobs in (1, 2):
            clf = TextAsImageClassifier(
                untrained(model),
                adapter=MLPAdapter((512,) * 3, max_epochs=20, random_state=0),
            )
            ratios, seconds = [], []
            for _ in tqdm(range(args.turns), desc=f"{model}, {n_jobs}", leave=False):
                marks = []
                for run in (lower_bound, search):
                    # fresh processes, so that both load what they need
                    get_reusable_executor().shutdown(wait=True)
                    marks.append(time.perf_counter())
                    run(clf, texts, Y, n_jobs)
                    marks.append(time.perf_counter())
                ratios.append((marks[3] - marks[2]) / (marks[1] - marks[0]))
                seconds.append(marks[3] - marks[2])
            print(
                f"| {model} | {n_jobs} | {np.median(ratios):.2f} "
                f"| {min(ratios):.2f} to {max(ratios):.2f} | {np.median(seconds):.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
