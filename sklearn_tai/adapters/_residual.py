"""What labelled images put right about logits learnt from texts: ridge regression."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from ..decisions import OFFSET_SHRINKAGE, fit_sigmoid

_VARIANCES = np.logspace(-0.5, 3, 15)  # of the weights; with texts 2 to 6 are chosen


def fit_residual(
    X: np.ndarray, Y: np.ndarray, of_texts: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_features, n_labels) and bias (n_labels,) to add to the logits of the texts.

    `X` are unit embeddings of images, `Y` their labels, -1 where unknown, and `of_texts` their
    logits by the texts; None where there are no texts.
    """
    known = Y >= 0
    slope, prior = 1.0, logit(((Y == 1).sum(axis=0) + 0.5) / (known.sum(axis=0) + 1))
    offsets = prior
    if of_texts is not None:
        try:
            slope, intercept, offsets = fit_sigmoid(of_texts, Y, OFFSET_SHRINKAGE)
        except ValueError:  # too few labels to tell anything, as of one image
            return np.zeros((X.shape[1], Y.shape[1])), np.zeros(Y.shape[1])
        prior = slope * of_texts + intercept + offsets
    prior = np.broadcast_to(prior, Y.shape)
    p = expit(prior)
    precision = (p * (1 - p)).mean(axis=0)  # of a label in logits: p changes by that at most
    targets = np.where(known, Y - p, 0) / precision
    mean = X.mean(axis=0)
    U, s, Vt = np.linalg.svd(X - mean, full_matrices=False)
    projected, s = U.T @ targets, s[:, np.newaxis]

    def loss(residual: np.ndarray) -> float:
        scores = (prior + residual)[known]
        return float((np.logaddexp(0, scores) - Y[known] * scores).sum())

    best, chosen = loss(np.zeros(Y.shape)), np.zeros_like(projected)
    for variance in _VARIANCES:
        shrunk = s**2 / (s**2 + 1 / (variance * precision))
        left_out = 1 - U**2 @ shrunk
        # what the others say of each image: leave-one-out in closed form
        error = loss(targets - (targets - U @ (shrunk * projected)) / left_out)
        if error < best:
            best, chosen = error, s / (s**2 + 1 / (variance * precision)) * projected
    weights = Vt.T @ chosen
    return weights / slope, (offsets - mean @ weights) / slope
