"""Where to cut scores: at the highest F1, or at a given precision."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import KFold

from ..adapters import OFFSET_SHRINKAGE, fit_sigmoid


def best_cut(targets: np.ndarray, scores: np.ndarray) -> float:
    """The cut with the highest F1, midway between two scores.

    If `targets` are probabilities, the expected F1 is maximised.
    """
    # an item with probability p counts as p positives and 1 - p negatives
    present = np.repeat([1, 0], len(scores))
    precision, recall, cuts = precision_recall_curve(
        present, np.tile(scores, 2), sample_weight=np.r_[targets, 1 - targets]
    )
    f1 = precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    best = int(f1[:-1].argmax())
    below = cuts[best - 1] if best else cuts[0] - 1
    return float((cuts[best] + below) / 2)


def shrunk_cuts(
    scores: np.ndarray, labels: np.ndarray, shrinkage: float
) -> tuple[np.ndarray, float]:
    """The cuts of the labels, and the cut for a label without any data.

    The former are averages of the calibrated cut, weighted by `shrinkage`, and each label's
    own, weighted by its positives. Unknown `labels` are -1.
    """
    slope, intercept, offsets = fit_sigmoid(scores, labels, OFFSET_SHRINKAGE)
    logits = slope * scores + intercept + offsets
    cut = best_cut(expit(logits).ravel(), logits.ravel())
    cuts = (cut - intercept - offsets) / slope
    known, n_positives = labels >= 0, (labels == 1).sum(axis=0)
    if not np.isinf(shrinkage):
        for k in np.flatnonzero(n_positives):
            own = best_cut(labels[known[:, k], k], scores[known[:, k], k])
            cuts[k] = np.average([own, cuts[k]], weights=[n_positives[k], shrinkage])
    return cuts, (cut - intercept) / slope


def precise_cuts(
    scores: np.ndarray, labels: np.ndarray, precision: float
) -> tuple[np.ndarray, float]:
    """Cuts where calibrated probabilities equal `precision`, and that of a label without data."""
    slope, intercept, offsets = fit_sigmoid(scores, labels, OFFSET_SHRINKAGE)
    cut = logit(precision) - intercept
    return (cut - offsets) / slope, cut / slope


def held_out_precision(
    scores: np.ndarray, labels: np.ndarray, precision: float
) -> tuple[float, int]:
    """Precision of cuts that are fitted on other items, and the number of labels they assign."""
    right = named = 0
    for train, test in KFold(min(5, len(scores)), shuffle=True, random_state=0).split(scores):
        with suppress(ValueError):  # too few positives to cut by: nothing is named
            cuts, _ = precise_cuts(scores[train], labels[train], precision)
            above = (scores[test] > cuts) & (labels[test] >= 0)
            right += int((labels[test] == 1)[above].sum())
            named += int(above.sum())
    return right / named if named else np.nan, named
