"""How labelled images correct the logits of texts: ridge regression in closed form."""

from __future__ import annotations

import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from ._platt import OFFSET_SHRINKAGE, fit_sigmoid

# Prior variance of an image's log odds with many images, and the number of images at which half
# of it is reached. Measured on photos (docs/evidence/labelled_images.md).
_VARIANCE = 4.0
_HALF_WAY = 20


def fit_images(
    X: np.ndarray, Y: np.ndarray, of_texts: np.ndarray | None
) -> tuple[float, np.ndarray, np.ndarray]:
    """Factor for the logits of the texts, with weights and bias of the correction to add.

    `X` are unit embeddings of images, `Y` their labels (-1 if unknown), and `of_texts` their
    logits according to the texts; None if there are no texts. The weights have shape
    (n_features, n_labels), the bias (n_labels,).
    """
    known = Y >= 0
    share = ((Y == 1).sum(axis=0) + 0.5) / (known.sum(axis=0) + 1)
    precision = share * (1 - share)  # of one label, as a measurement of the log odds
    targets = np.where(known, Y - share, 0) / precision
    mean = X.mean(axis=0)
    U, s, Vt = np.linalg.svd(X - mean, full_matrices=False)
    variance = _VARIANCE * len(X) / (len(X) + _HALF_WAY)
    variance /= max((s**2).sum() / len(X), 1e-12)  # variance of a weight
    s, projected = s[:, np.newaxis], U.T @ targets
    shrunk = s**2 / (s**2 + 1 / (variance * precision))
    weights = Vt.T @ (s / (s**2 + 1 / (variance * precision)) * projected)
    if of_texts is None:
        return 1.0, weights, logit(share) - mean @ weights
    # prediction for each image from the others: leave-one-out in closed form
    by_others = targets - (targets - U @ (shrunk * projected)) / (1 - U**2 @ shrunk)
    try:
        slope, intercept, _ = fit_sigmoid(of_texts, Y, np.inf)
        trust = _trust(of_texts[known], by_others[known], Y[known])
        of_both, intercept_of_both, offsets = fit_sigmoid(
            of_texts + trust * by_others, Y, OFFSET_SHRINKAGE
        )
    except ValueError:  # too few labels, or they contradict the texts
        return 1.0, np.zeros_like(weights), np.zeros(len(share))
    # on the scale of the texts' logits
    factor = of_both / slope
    weights = factor * trust * weights
    return factor, weights, (offsets + intercept_of_both - intercept) / slope - mean @ weights


def _trust(of_texts: np.ndarray, by_others: np.ndarray, labels: np.ndarray) -> float:
    """Weight of the images' log odds beside those of the texts, from 0 to 1."""
    features = np.stack([of_texts + by_others, by_others], axis=1)
    both, more = LogisticRegression().fit(features, labels).coef_[0]  # the prior for `more` is 0
    return float(np.clip(1 + more / both, 0, 1)) if both > 0 else 0.0
