"""The length of the noise where no labelled image tells it."""

from __future__ import annotations

import math

import numpy as np

_PAPER = 2.5  # 25 for the un-normalised embeddings of CLIP RN50


def auto_radius(texts: np.ndarray, images: np.ndarray, temperature: float | None) -> float:
    """A radius in mean norms of the text embeddings.

    It is that of the noise under which the posterior over texts, given an image, is the
    softmax of their cosines over `temperature`.
    """
    if temperature is None:
        return _PAPER
    n_features = (texts if len(texts) else images).shape[1]
    return math.sqrt(n_features * temperature)
