"""The paper's method and its rivals, fitted to the tasks of an experiment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.preprocessing import minmax_scale

from sklearn_tai import (
    ShiftedPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai import baselines as rivals
from sklearn_tai.metrics import label_scores, mean_average_precision
from sklearn_tai.perturbation import BasePerturbation

from ..testbeds import clip_of, network_size


@dataclass
class Task:
    """Texts, images to train on, and images to score, with their embeddings."""

    setting: str  # of TextAsImageClassifier.paper
    encoder: Any
    label_names: list[str]
    texts: list[str]
    embedded_texts: np.ndarray
    Y_texts: np.ndarray
    test_images: Sequence[Any]
    embedded_test: np.ndarray
    Y_test: np.ndarray
    seed: int
    full: bool
    train_images: Sequence[Any] = ()
    embedded_train: np.ndarray | None = None
    Y_train: np.ndarray | None = None
    noise: BasePerturbation | None = None  # in place of the paper's
    _fitted: dict[str, tuple[Any, float]] = field(init=False, default_factory=dict)
    _scores: dict[tuple[str, str], np.ndarray] = field(init=False, default_factory=dict)

    def fitted(self, method: str) -> tuple[Any, float]:
        """The method's classifier and the seconds of its fit; fitted only once."""
        if method not in self._fitted:
            begun = time.perf_counter()
            clf = METHODS[method](self)
            self._fitted[method] = clf, time.perf_counter() - begun
        return self._fitted[method]

    def scores(self, method: str, kind: str = "decision_function") -> np.ndarray:
        """The method's scores of the test images; computed only once."""
        if (method, kind) not in self._scores:
            clf, _ = self.fitted(method)
            X = iter(self.test_images) if method in _LOOK_CLOSER else self.embedded_test
            self._scores[method, kind] = label_scores(clf, X, (kind, "predict_proba"))
        return self._scores[method, kind]

    def fit(self, clf: TextAsImageClassifier) -> TextAsImageClassifier:
        """Fit an adapter to the texts, and to the training images if there are any."""
        if self.embedded_train is None or self.Y_train is None:
            return clf.fit(self.embedded_texts, self.Y_texts)
        X = np.vstack([self.embedded_texts, self.embedded_train])
        modality = np.repeat(["text", "image"], [len(self.texts), len(self.embedded_train)])
        return clf.fit(X, np.vstack([self.Y_texts, self.Y_train]), modality=modality)


def _paper(task: Task, noise: BasePerturbation | None = None) -> Any:
    size = network_size(task.full)
    clf = TextAsImageClassifier.paper(task.setting, task.encoder, random_state=task.seed, **size)
    noise = task.noise if noise is None else noise
    return task.fit(clf if noise is None else clf.set_params(perturbation=noise))


def _default(task: Task) -> Any:
    """This package's default, with regions, in every setting."""
    return task.fit(TextAsImageClassifier(clip_of(task.encoder)))


def _rival(name: str) -> Callable[[Task], Any]:
    """A rival, fitted to texts, or to images if it can use them and the task has some."""

    def fit(task: Task) -> Any:
        make, own = getattr(rivals, f"{name}Classifier"), {"random_state": task.seed}
        labels = () if name in ("CoMC", "SARB") else (task.label_names,)
        clf = make(*labels, task.encoder, **own)
        if name in ("TaIDPT", "CoMC") or task.Y_train is None:
            return clf.fit(task.texts if labels else task.embedded_texts, task.Y_texts)
        closer = name in _LOOK_CLOSER
        return clf.fit(list(task.train_images) if closer else task.embedded_train, task.Y_train)

    return fit


METHODS: dict[str, Callable[[Task], Any]] = {
    "zero-shot CLIP": lambda task: ZeroShotClassifier(
        task.label_names, task.encoder, region_weight=0
    ).fit(),
    "TaI-DPT": _rival("TaIDPT"),
    "CoMC": _rival("CoMC"),
    "CoOp": _rival("CoOp"),
    "DualCoOp": _rival("DualCoOp"),
    "SARB": _rival("SARB"),
    "TaI-Adapter": _paper,
    "TaI-Adapter, moved by label": lambda task: _paper(task, ShiftedPerturbation(2.5)),
    "our default": _default,
}
_LOOK_CLOSER = ("TaI-DPT", "DualCoOp", "our default")
_ADAPTERS = [name for name in METHODS if name.startswith(("TaI-Adapter", "our"))]
_PARTNERS = {"few-shot": "CoOp", "partial-labels": "DualCoOp"}


def learns_prompts(method: str) -> bool:
    """Whether the method, or its partner in the integration, needs CLIP's own text tower."""
    return method in ("TaI-DPT", "CoOp", "DualCoOp") or method.endswith("*")


def run(method: str, task: Task) -> dict[str, Any]:
    """Fit and score a method; with a star, integrated with CoOp or DualCoOp (section 8)."""
    name = method.rstrip("*")
    scores = task.scores(name)
    if method != name:
        own = task.scores(name, "predict_proba") if name in _ADAPTERS else _scaled(scores)
        scores = (own + _scaled(task.scores(_PARTNERS[task.setting]))) / 2
    _, seconds = task.fitted(name)
    return {"map": float(mean_average_precision(task.Y_test, scores)), "seconds": seconds}


def _scaled(scores: np.ndarray) -> np.ndarray:
    return minmax_scale(scores.ravel()).reshape(scores.shape)
