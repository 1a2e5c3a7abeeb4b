"""What labelled images add to the logits of texts: ridge regression in closed form."""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from ..decisions import OFFSET_SHRINKAGE, fit_sigmoid

# A priori variance of an image's log odds; 2 to 5 score alike, and leave-one-out chooses worse.
# Measured on photos (docs/guide/few_images.md).
_VARIANCE = 4.0


def fit_images(
    X: np.ndarray, Y: np.ndarray, of_texts: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_features, n_labels) and bias (n_labels,) to add to the logits of the texts.

    `X` are unit embeddings of images, `Y` their labels, -1 where unknown, and `of_texts` their
    logits by the texts; None where there are no texts.
    """
    known = Y >= 0
    share = ((Y == 1).sum(axis=0) + 0.5) / (known.sum(axis=0) + 1)
    bias = logit(share)
    if of_texts is not None:
        try:
            slope, _, offsets = fit_sigmoid(of_texts, Y, OFFSET_SHRINKAGE)
        except ValueError:  # too few labels to tell anything, or they contradict the texts
            return np.zeros((X.shape[1], Y.shape[1])), np.zeros(Y.shape[1])
        bias = offsets / slope
    precision = share * (1 - share)  # of one label as a measurement of the log odds
    targets = np.where(known, Y - share, 0) / precision
    mean = X.mean(axis=0)
    U, s, Vt = np.linalg.svd(X - mean, full_matrices=False)
    variance = _VARIANCE / max((s**2).sum() / len(X), 1e-12)  # of a weight
    s = s[:, np.newaxis]
    weights = Vt.T @ (s / (s**2 + 1 / (variance * precision)) * (U.T @ targets))
    return weights, bias - mean @ weights
