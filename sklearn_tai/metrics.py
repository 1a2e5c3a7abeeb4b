"""Mean average precision, the figure of merit of multi-label image classification."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score

__all__ = ["map_scorer", "mean_average_precision"]


def mean_average_precision(y_true: Any, y_score: Any) -> float:
    """Macro mean over labels of the non-interpolated average precision.

    Parameters
    ----------
    y_true : {array-like, sparse matrix} of shape (n_samples, n_labels)
        1 where a label is present, 0 where it is absent, -1 where that is unknown.
        Unknown entries are left out of their label's average precision.
    y_score : array-like of shape (n_samples, n_labels)
        Scores, higher where a label is more likely. Any monotone scale will do.

    Returns
    -------
    float
        In [0, 1]; NaN if no label has a positive sample.

    Warns
    -----
    UndefinedMetricWarning
        If labels have no positive sample. They are left out of the mean.

    Raises
    ------
    ValueError
        If the shapes differ, or a score is not finite.

    Notes
    -----
    This is the mAP of the multi-label literature, not the 11-point
    interpolation of the Pascal VOC 2007 challenge.

    Examples
    --------
    >>> from sklearn_tai.metrics import mean_average_precision
    >>> mean_average_precision([[1, 0], [0, 1], [1, 1]], [[0.9, 0.2], [0.5, 0.6], [0.3, 0.4]])
    0.91...
    """
    y_true = np.asarray(y_true.toarray() if sparse.issparse(y_true) else y_true)
    y_score = np.asarray(y_score, dtype=float)
    if y_true.ndim != 2 or y_true.shape != y_score.shape:
        raise ValueError(
            f"y_true has shape {y_true.shape} and y_score {y_score.shape}; both must be "
            "(n_samples, n_labels)."
        )
    if not np.isin(y_true, (-1, 0, 1)).all():
        raise ValueError("y_true must hold only 1 (present), 0 (absent) and -1 (unknown).")
    if not np.isfinite(y_score).all():
        raise ValueError("y_score contains NaN or infinity; scores must be finite.")
    with_positives = np.flatnonzero((y_true == 1).any(axis=0))
    n_left_out = y_true.shape[1] - len(with_positives)
    if n_left_out:
        missing = sorted(set(range(y_true.shape[1])) - set(with_positives.tolist()))
        warnings.warn(
            f"{n_left_out} of {y_true.shape[1]} labels have no positive sample in y_true and are "
            f"left out of the mean (columns {str(missing[:10])[1:-1]}"
            f"{', ...' if n_left_out > 10 else ''}).",
            UndefinedMetricWarning,
            stacklevel=2,
        )
    if not len(with_positives):
        return float("nan")
    precisions = []
    for k in with_positives:
        known = y_true[:, k] >= 0
        precisions.append(average_precision_score(y_true[known, k], y_score[known, k]))
    return float(np.mean(precisions))


def label_scores(estimator: Any, X: Any) -> np.ndarray:
    """Scores of shape (n_samples, n_labels) of any multi-label classifier."""
    if hasattr(estimator, "decision_function"):
        scores = estimator.decision_function(X)
    else:
        scores = estimator.predict_proba(X)
    if isinstance(scores, list):  # one (n_samples, 2) array a label, as of forests
        # a label that was always absent in training has a single column
        columns = [np.asarray(known) == 1 for known in estimator.classes_]
        scores = np.column_stack([part[:, own].sum(axis=1) for part, own in zip(scores, columns)])
    return np.asarray(scores)


def map_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Mean average precision of an estimator, for ``scoring=``.

    Parameters
    ----------
    estimator : object
        A fitted multi-label classifier with ``decision_function`` or ``predict_proba``.
    X : list or array-like
        What the estimator takes.
    y : {array-like, sparse matrix} of shape (n_samples, n_labels)
        The true labels.

    Returns
    -------
    float
        See :func:`mean_average_precision`.

    Notes
    -----
    Scorers of ``make_scorer`` read a classifier of two labels as a binary one and
    keep a single column, so this is a scorer of its own.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_tai.metrics import map_scorer
    >>> X, Y = make_multilabel_classification(random_state=0)
    >>> cross_val_score(KNeighborsClassifier(), X, Y, scoring=map_scorer, cv=3).shape
    (3,)
    """
    y = y.to_numpy() if hasattr(y, "to_numpy") else y
    return mean_average_precision(y, label_scores(estimator, X))
