"""What users may put in ``y``: an indicator matrix of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

_HINT = "Use sklearn.preprocessing.MultiLabelBinarizer to make it from lists of labels."


def check_labels(labels: Any) -> list[str]:
    """A list of label names, checked: not empty, str, not blank, no two the same."""
    if isinstance(labels, str):
        raise TypeError(
            f"labels is the single str {labels!r}; expected a list of label names. "
            "Wrap it in a list."
        )
    names = [str(name) if isinstance(name, np.str_) else name for name in labels]
    if not names:
        raise ValueError("labels is empty; at least one label name is required.")
    for i, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"labels[{i}] is {name!r}; expected a str that is not blank.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"labels holds {repeated} more than once; remove the repetitions.")
    return names


def check_indicator(
    y: Any, n_rows: int, may_be_unknown: np.ndarray | None = None, accept_sparse: bool = False
) -> tuple[Any, np.ndarray]:
    """`y` as a float32 indicator, and the names of its columns.

    It is dense, or a CSR array where `y` is sparse and `accept_sparse`. The names are the
    columns of a data frame, else 0, 1, ..., n_labels - 1. Rows of the mask
    `may_be_unknown` (images) may hold -1.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass an "
            "indicator matrix of shape (n_items, n_labels)."
        )
    names = None
    if hasattr(y, "columns") and hasattr(y, "to_numpy"):
        names = np.asarray(y.columns)
        repeated = sorted({str(name) for name in names if (names == name).sum() > 1})
        if repeated:
            raise ValueError(f"y has more than one column named {repeated}; rename them.")
        y = y.to_numpy()
    matrix: Any
    if sparse.issparse(y) and accept_sparse:
        matrix = sparse.csr_array(y, copy=True)
        matrix.sum_duplicates()  # as toarray does
    elif sparse.issparse(y):
        matrix = y.toarray()
    else:
        try:
            matrix = np.asarray(y)
        except ValueError:  # rows of different lengths
            matrix = np.empty(0, dtype=object)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(
            f"y must be an indicator matrix of shape (n_items, n_labels); got shape "
            f"{matrix.shape}. {_HINT}"
        )
    if matrix.shape[0] != n_rows:
        raise ValueError(
            f"X has {n_rows} items but y has {matrix.shape[0]} rows; they must be the same number."
        )
    if matrix.dtype.kind in "OUS":
        try:
            matrix = matrix.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(f"y must hold numbers 0 and 1 ({error}). {_HINT}") from None
    if sparse.issparse(matrix):
        entries = matrix.tocoo()
        _check_values(entries.data, entries.row, entries.col, may_be_unknown)
    else:
        # rows and columns only of entries that are neither 0 nor 1, which are few or wrong
        rows, columns = np.nonzero(~np.isin(matrix, (0, 1)))
        _check_values(matrix[rows, columns], rows, columns, may_be_unknown)
    if names is None:
        names = np.arange(matrix.shape[1])
    return matrix.astype(np.float32), names


def _check_values(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, may_be_unknown: np.ndarray | None
) -> None:
    """Refuse entries of a label matrix that are not 0, 1 or, where allowed, -1."""
    valid = np.isin(values, (0, 1))
    if may_be_unknown is not None:
        valid |= may_be_unknown[rows] & (values == -1)
    if valid.all():
        return
    first = np.flatnonzero(~valid)[0]
    value = values[first]
    remedy = (
        "Only the labels of images may be unknown (-1); those of texts must be known."
        if value == -1
        else _HINT
    )
    raise ValueError(
        f"y[{rows[first]}, {columns[first]}] is {value}; expected 1 (present) or 0 (absent). "
        f"{remedy}"
    )
