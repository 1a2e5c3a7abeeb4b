"""Choose the length of the noise without labelled images."""

from __future__ import annotations

import math

import numpy as np
from sklearn.preprocessing import normalize

_PAPER = 2.5  # 25 for the un-normalised embeddings of CLIP RN50
_SHARE = 0.25  # of the spread; see benchmarks/radius/criteria.py
_N_TEXTS = 1000  # enough to estimate the spread, and few enough to compare all pairs


def auto_radius(X: np.ndarray) -> float:
    """A radius in mean norms of `X`, from the spread of the embeddings.

    Noise of length r in d dimensions has the variance tau = r ** 2 / d per coordinate. This
    tau is the temperature of the softmax over cosines that the noise leads to (see
    :class:`~sklearn_tai.KernelAdapter`), and is set to a quarter of the standard deviation of
    the cosines between texts.
    """
    X = normalize(X[np.linspace(0, len(X) - 1, min(len(X), _N_TEXTS)).astype(int)])
    cosines = (X @ X.T)[np.triu_indices(len(X), 1)]
    spread = float(cosines.std()) if len(cosines) > 1 else 0.0
    if spread < 1e-6:  # rounding errors: one text, or copies of it
        return _PAPER
    return math.sqrt(X.shape[1] * _SHARE * spread)
