"""The paper's method and its rivals, fitted to what an experiment hands out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.preprocessing import minmax_scale

from sklearn_tai import (
    MixedPerturbation,
    RandomPerturbation,
    ShiftedPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai import baselines as rivals
from sklearn_tai.metrics import label_scores, mean_average_precision

from ..testbeds import classifier


@dataclass
class Task:
    """Texts, pictures to train on, and pictures to score, with their embeddings."""

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
    max_region_images: int = 5000
    noise: dict[str, Any] = field(default_factory=dict)

    def make_adapter(self, perturbation: Any) -> TextAsImageClassifier:
        return classifier(self, perturbation, self.seed)

    def with_images(self, perturbation: Any) -> TextAsImageClassifier:
        """An adapter of texts and images together."""
        assert self.embedded_train is not None
        assert self.Y_train is not None
        X = np.vstack([self.embedded_texts, self.embedded_train])
        modality = np.repeat(["text", "image"], [len(self.texts), len(self.embedded_train)])
        Y = np.vstack([self.Y_texts, self.Y_train])
        return self.make_adapter(perturbation).fit(X, Y, modality=modality)


def _zero_shot(task: Task) -> Any:
    return ZeroShotClassifier(task.label_names, task.encoder).fit()


def _rival(name: str) -> Callable[[Task], Any]:
    """A rival that takes texts, or images where the task has some."""

    def fit(task: Task) -> Any:
        make, own = getattr(rivals, f"{name}Classifier"), {"random_state": task.seed}
        if name in ("CoMC", "SARB"):
            clf, looks_closer = make(task.encoder, **own), False
        else:
            clf, looks_closer = make(task.label_names, task.encoder, **own), name != "CoOp"
        if task.Y_train is None:
            return clf.fit(task.texts if looks_closer else task.embedded_texts, task.Y_texts)
        # regions of very many pictures do not go into memory
        closer = looks_closer and len(task.train_images) <= task.max_region_images
        return clf.fit(list(task.train_images) if closer else task.embedded_train, task.Y_train)

    return fit


METHODS: dict[str, Callable[[Task], Any]] = {
    "zero-shot CLIP": _zero_shot,
    "TaI-DPT": _rival("TaIDPT"),
    "CoMC": _rival("CoMC"),
    "CoOp": _rival("CoOp"),
    "DualCoOp": _rival("DualCoOp"),
    "SARB": _rival("SARB"),
    "TaI-Adapter": lambda task: task.make_adapter(RandomPerturbation(**task.noise)).fit(
        task.embedded_texts, task.Y_texts
    ),
    "TaI-Adapter, texts and shots": lambda task: task.with_images(MixedPerturbation()),
    "TaI-Adapter, moved by combination": lambda task: task.with_images(
        ShiftedPerturbation(1.0, offset_by="combination")
    ),
    "TaI-Adapter, moved by label": lambda task: task.with_images(
        ShiftedPerturbation(image_share=0.5)
    ),
}
_LOOK_CLOSER = ("TaIDPTClassifier", "DualCoOpClassifier")


def run(method: str, task: Task) -> dict[str, Any]:
    """Fit and score a method, alone and integrated with zero-shot CLIP (section 8)."""
    begun = time.perf_counter()
    clf = METHODS[method](task)
    seconds = time.perf_counter() - begun
    closer = type(clf).__name__ in _LOOK_CLOSER
    scores = label_scores(clf, iter(task.test_images) if closer else task.embedded_test)
    found = {"map": float(mean_average_precision(task.Y_test, scores)), "seconds": seconds}
    if method != "zero-shot CLIP":
        clip = label_scores(_zero_shot(task), task.embedded_test)
        both = sum(minmax_scale(s.ravel()).reshape(s.shape) for s in (scores, clip))
        found["map_with_clip"] = float(mean_average_precision(task.Y_test, both))
    return found
