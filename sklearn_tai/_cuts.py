"""Cuts of scores that maximise F1, drawn towards one another."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import precision_recall_curve


def best_cut(targets: np.ndarray, scores: np.ndarray) -> float:
    """Where to cut for the highest F1, midway between two scores.

    `targets` may be probabilities; it is then the highest F1 that they let expect.
    """
    # an item that is positive with probability p is p positives and 1 - p negatives
    present = np.repeat([1, 0], len(scores))
    precision, recall, cuts = precision_recall_curve(
        present, np.tile(scores, 2), sample_weight=np.r_[targets, 1 - targets]
    )
    f1 = precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    best = int(f1[:-1].argmax())
    below = cuts[best - 1] if best else cuts[0] - 1
    return float((cuts[best] + below) / 2)


def shrunk_cuts(
    scores: np.ndarray,
    labels: np.ndarray,
    prior: float | None,
    shrinkage: float,
    prior_weight: float,
) -> tuple[np.ndarray, float]:
    """The cuts of the labels, drawn to a shared one, and that one, drawn to `prior`.

    Weights are numbers of positives. `labels` hold -1 where unknown.
    """
    known, n_positives = labels >= 0, (labels == 1).sum(axis=0)
    weight = 0 if prior is None else prior_weight
    if n_positives.sum() + weight == 0:
        raise ValueError(
            "y has no 1 at all, so no threshold can be chosen. Add items that have labels, or "
            "leave y out to choose by the probabilities."
        )
    shared = 0.0 if prior is None else prior
    if n_positives.any():
        pooled = best_cut(labels[known], scores[known])
        shared = float(np.average([pooled, shared], weights=[n_positives.sum(), weight]))
    cuts = np.full(scores.shape[1], shared)
    if not np.isinf(shrinkage):
        for k in np.flatnonzero(n_positives):
            own = best_cut(labels[known[:, k], k], scores[known[:, k], k])
            cuts[k] = np.average([own, shared], weights=[n_positives[k], shrinkage])
    return cuts, shared
