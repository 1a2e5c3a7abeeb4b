"""Samples for the few-shot and partial-label protocols."""

from __future__ import annotations

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from .._sklearn_compat import Interval, num_samples, validate_params
from .._typing import Labels, RandomState
from ..inputs import LabelIndicator, check_indicator, column_names


@validate_params(
    {
        "Y": ["array-like", "sparse matrix"],
        "n_shots": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def few_shot_indices(Y: Labels, n_shots: int, random_state: RandomState = None) -> np.ndarray:
    """Draw images so that every label has `n_shots` of them.

    Parameters
    ----------
    Y : {array-like, sparse matrix, DataFrame} of shape (n_images, n_labels)
        1 if an image shows a label, 0 if not, -1 if unknown.
    n_shots : int
        Images per label, at least: an image drawn for one label also counts for the
        others that it shows.
    random_state : int, RandomState instance or None, default=None
        Fixes the draw. With the same `random_state`, more shots contain fewer.

    Returns
    -------
    ndarray of shape (n_drawn,)
        Row numbers, ascending.

    Warns
    -----
    UserWarning
        If labels have fewer than `n_shots` images. All of them are drawn.

    Notes
    -----
    Images are gone through in random order. An image is taken if one of its labels
    still lacks images, so common labels come out more often than `n_shots` times.

    Examples
    --------
    >>> from sklearn_tai.model_selection import few_shot_indices
    >>> Y = [[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]
    >>> few_shot_indices(Y, n_shots=2, random_state=0).tolist()
    [0, 1, 2, 3]
    """
    present = (
        check_indicator(Y, num_samples(Y), may_be_unknown=np.ones(num_samples(Y), bool))[0] == 1
    )
    totals = present.sum(axis=0)
    if n_shots and (totals < n_shots).any():
        short = np.flatnonzero(totals < n_shots)
        warnings.warn(
            f"{len(short)} labels have fewer than n_shots={n_shots} images (columns "
            f"{', '.join(map(str, short[:10]))}{', ...' if len(short) > 10 else ''}); all of "
            "them are drawn.",
            UserWarning,
            stacklevel=3,  # above scikit-learn's decorator
        )
    counts = np.zeros(present.shape[1], dtype=int)
    drawn = []
    for row in check_random_state(random_state).permutation(len(present)):
        if (counts[present[row]] < n_shots).any():
            drawn.append(row)
            counts += present[row]
    return np.sort(np.array(drawn, dtype=np.intp))


@validate_params(
    {
        "Y": ["array-like", "sparse matrix"],
        "known_fraction": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def mask_labels(Y: Labels, known_fraction: float, random_state: RandomState = None) -> Labels:
    """Hide labels at random, as the partial-label protocol does.

    Parameters
    ----------
    Y : {array-like, sparse matrix, DataFrame} of shape (n_images, n_labels)
        1 if an image shows a label, 0 if not.
    known_fraction : float
        Every entry, positive or negative, stays known with this probability,
        independently of the others.
    random_state : int, RandomState instance or None, default=None
        Fixes the draw. With the same `random_state`, what is known at one fraction is
        known at any larger one.

    Returns
    -------
    ndarray or DataFrame of shape (n_images, n_labels), int8
        `Y` with -1 where unknown; a data frame if `Y` is one.

    Examples
    --------
    >>> from sklearn_tai.model_selection import mask_labels
    >>> mask_labels([[1, 0, 0], [0, 1, 1]], known_fraction=0.5, random_state=0)
    array([[-1, -1, -1],
           [-1,  1, -1]], dtype=int8)
    """
    dense = check_indicator(Y, num_samples(Y))[0].astype(np.int8)
    dense[check_random_state(random_state).uniform(size=dense.shape) >= known_fraction] = -1
    if hasattr(Y, "columns") and hasattr(Y, "iloc"):
        return type(Y)(dense, columns=Y.columns, index=Y.index)
    names = column_names(Y)
    return dense if names is None else LabelIndicator(dense, names.tolist())
