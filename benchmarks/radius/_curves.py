"""mAP over the radius: of the network, and of its limit, a weighted average of the texts."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.preprocessing import normalize

from sklearn_tai import MLPAdapter, RandomPerturbation, TextAsImageClassifier
from sklearn_tai.metrics import mean_average_precision

from ._vocabulary_scenes import Bed

KERNEL_RADII = np.geomspace(0.5, 10, 40)
NETWORK_RADII = np.array([0, 1, 1.75, 2.5, 3.5, 5, 7])


def kernel_scores(texts: np.ndarray, Y: np.ndarray, images: np.ndarray, radius: float) -> Any:
    """The limit of a network of any size: E[y | image] if images were texts plus noise."""
    temperature = max(radius, 1e-3) ** 2 / texts.shape[1]
    return softmax(normalize(images) @ normalize(texts).T / temperature, axis=1) @ Y


def mean_ap(Y: np.ndarray, scores: np.ndarray) -> float:
    with warnings.catch_warnings():  # some labels are on no image
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return mean_average_precision(Y, scores)


def network_scores(bed: Bed, work: Path, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of labelled and of unlabelled images at each of `NETWORK_RADII`."""
    path = work / "networks" / f"{bed.name.replace(', ', '_').replace(' ', '')}_{seed}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        of_images, of_others = [], []
        for radius in NETWORK_RADII:
            clf = TextAsImageClassifier(
                perturbation=RandomPerturbation(float(radius)),
                adapter=MLPAdapter((256,) * 3, max_lr=1e-3, random_state=seed),
            ).fit(bed.texts, bed.Y)
            of_images.append(clf.decision_function(bed.images))
            of_others.append(clf.decision_function(bed.unlabelled))
        np.savez(path, images=of_images, others=of_others)
    with np.load(path) as file:
        return file["images"], file["others"]
