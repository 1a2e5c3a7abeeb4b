"""Platt's sigmoid, shared by all labels, with an offset for each."""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

OFFSET_SHRINKAGE = 4.0  # see benchmarks/accuracy/decisions.py


def fit_sigmoid(
    scores: np.ndarray, labels: np.ndarray, shrinkage: float
) -> tuple[float, float, np.ndarray]:
    """Slope, intercept and offsets; unknown `labels` are -1."""
    known = labels >= 0
    if len(np.unique(labels[known])) < 2:
        raise ValueError("y must have a 1 and a 0 among its known entries. Add labelled items.")
    shared = LogisticRegression().fit(scores[known][:, np.newaxis], labels[known])
    slope, intercept = float(shared.coef_[0, 0]), float(shared.intercept_[0])
    if slope <= 0:
        raise ValueError(
            f"Positives in y do not score higher than negatives (slope {slope:.3g}), so the order "
            "of the items would be reversed. Check that the columns of y are in the order of "
            "the estimator's classes_, or give more items."
        )
    if np.isinf(shrinkage):
        return slope, intercept, np.zeros(scores.shape[1])
    proba = expit(slope * scores + intercept)
    expected = np.where(known, proba, 0).sum(axis=0)
    observed = (labels == 1).sum(axis=0)
    return slope, intercept, np.log((observed + shrinkage) / (expected + shrinkage))
