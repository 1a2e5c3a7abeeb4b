"""Figures of merit of multi-label classification: of the ranking, of the probabilities."""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score
from sklearn.utils import check_scalar

from ._typing import Classifier, Items, Labels

__all__ = [
    "expected_calibration_error",
    "label_average_precisions",
    "map_scorer",
    "mean_average_precision",
]


def mean_average_precision(y_true: Labels, y_score: npt.ArrayLike) -> float:
    """Macro mean over labels of the non-interpolated average precision.

    Parameters
    ----------
    y_true : {array-like, sparse matrix} of shape (n_samples, n_labels)
        1 if a label is present, 0 if absent, -1 if unknown. Unknown entries are left out of
        their label's average precision.
    y_score : array-like of shape (n_samples, n_labels)
        Scores, higher if a label is more likely. Any monotone scale works.

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
    precisions = label_average_precisions(y_true, y_score)
    undefined = np.flatnonzero(np.isnan(precisions))
    if len(undefined):
        warnings.warn(
            f"{len(undefined)} of {len(precisions)} labels have no positive sample in y_true and "
            f"are left out of the mean (columns {str(undefined[:10].tolist())[1:-1]}"
            f"{', ...' if len(undefined) > 10 else ''}).",
            UndefinedMetricWarning,
            stacklevel=2,
        )
    if len(undefined) == len(precisions):
        return float("nan")
    return float(np.mean(precisions[~np.isnan(precisions)]))


def label_average_precisions(y_true: Labels, y_score: npt.ArrayLike) -> np.ndarray:
    """Non-interpolated average precision of each label.

    Parameters
    ----------
    y_true : {array-like, sparse matrix} of shape (n_samples, n_labels)
        1 if a label is present, 0 if absent, -1 if unknown. Unknown entries are left out of
        their label's average precision.
    y_score : array-like of shape (n_samples, n_labels)
        Scores, higher if a label is more likely. Any monotone scale works.

    Returns
    -------
    ndarray of shape (n_labels,)
        In [0, 1]; NaN for labels without a positive sample.

    Raises
    ------
    ValueError
        If the shapes differ, or a score is not finite.

    See Also
    --------
    mean_average_precision : Their mean.

    Examples
    --------
    >>> from sklearn_tai.metrics import label_average_precisions
    >>> y_true = [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
    >>> y_score = [[0.9, 0.2, 0.1], [0.5, 0.6, 0.2], [0.3, 0.4, 0.3]]
    >>> label_average_precisions(y_true, y_score).round(2)
    array([0.83, 1. , nan])
    """
    y_true, y_score = _check_truth_and_scores(y_true, y_score)
    precisions = np.full(y_true.shape[1], np.nan)
    for k in np.flatnonzero((y_true == 1).any(axis=0)):
        known = y_true[:, k] >= 0
        precisions[k] = average_precision_score(y_true[known, k], y_score[known, k])
    return precisions


def _check_truth_and_scores(
    y_true: Labels, y_score: npt.ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """A label indicator and finite scores of the same shape."""
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
    return y_true, y_score


def expected_calibration_error(
    y_true: Labels, y_proba: npt.ArrayLike, *, n_bins: int = 15, strategy: str = "uniform"
) -> float:
    """Average distance between probabilities and shares of positives [1]_.

    The entries of all labels are put into bins by their probability.

    Parameters
    ----------
    y_true : {array-like, sparse matrix} of shape (n_samples, n_labels)
        1 if a label is present, 0 if absent, -1 if unknown. Unknown entries are left out.
    y_proba : array-like of shape (n_samples, n_labels)
        Probabilities, in [0, 1].
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of the same width, or with about as many entries each.

    Returns
    -------
    float
        In [0, 1]; 0 if in each bin the mean probability is the share of positives.

    Raises
    ------
    ValueError
        If the shapes differ, nothing is known, a probability is not in [0, 1], or
        `n_bins` or `strategy` is not a valid choice.

    See Also
    --------
    sklearn.metrics.brier_score_loss : Also rewards probabilities that discriminate well.

    Notes
    -----
    With the bins :math:`B` of the n known entries, :math:`\\sum_B \\frac{|B|}{n}
    |\\bar{y}_B - \\bar{p}_B|`. If few labels are present, most entries are near 0 and easy
    to get right, so the error is small: compare it only on the same items.

    References
    ----------
    .. [1] Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
       arXiv:1706.04599, Eq. 5.

    Examples
    --------
    >>> from sklearn_tai.metrics import expected_calibration_error
    >>> y_proba = [[0.9, 0.2], [0.9, 0.2], [0.9, 0.2]]
    >>> round(expected_calibration_error([[1, 0], [1, 0], [0, 1]], y_proba), 3)
    0.183
    """
    positives, probabilities, shares = reliability_curve(y_true, y_proba, n_bins, strategy)
    return float(np.sum(shares * np.abs(positives - probabilities)))


def reliability_curve(
    y_true: Labels, y_proba: npt.ArrayLike, n_bins: int, strategy: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of positives, mean probability and share of the entries, for each non-empty bin.

    scikit-learn's ``calibration_curve`` gives the first two, but not how many entries
    the bins have.
    """
    check_scalar(n_bins, "n_bins", Integral, min_val=1)
    if strategy not in ("uniform", "quantile"):
        raise ValueError(f"strategy must be 'uniform' or 'quantile'; got {strategy!r}.")
    truth, proba = _check_truth_and_scores(y_true, y_proba)
    if (proba < 0).any() or (proba > 1).any():
        raise ValueError(
            "y_proba has values outside of 0 to 1. Give probabilities, for instance of "
            "predict_proba."
        )
    known = truth >= 0
    if not known.any():
        raise ValueError("y_true has no known entry (0 or 1). Give some labels.")
    truth, proba = truth[known], proba[known]
    edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    if strategy == "quantile":
        edges = np.quantile(proba, edges)
    bins = np.searchsorted(edges, proba)
    counts = np.bincount(bins, minlength=n_bins)
    used = counts > 0
    sums = [np.bincount(bins, values, n_bins)[used] for values in (truth, proba)]
    return sums[0] / counts[used], sums[1] / counts[used], counts[used] / len(truth)


def label_scores(
    estimator: Classifier,
    X: Items,
    methods: tuple[str, str] = ("decision_function", "predict_proba"),
) -> np.ndarray:
    """Scores of shape (n_samples, n_labels) from any multi-label classifier.

    The first of `methods` that it has is called.
    """
    first, second = methods
    scores = getattr(estimator, first if hasattr(estimator, first) else second)(X)
    if isinstance(scores, list):  # as forests do: an (n_samples, 2) array for each label
        # a label that never occurred in training has a single column
        columns = [np.asarray(known) == 1 for known in estimator.classes_]
        scores = np.column_stack([part[:, own].sum(axis=1) for part, own in zip(scores, columns)])
    return np.asarray(scores)


def map_scorer(estimator: Classifier, X: Items, y: Labels) -> float:
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
    Scorers of ``make_scorer`` read a classifier of two labels as a binary one and keep a
    single column, so this is a scorer itself.

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
    return mean_average_precision(y, label_scores(estimator, X))
