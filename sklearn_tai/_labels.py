"""What users may put in ``y``: an indicator matrix of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse


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
    y: Any, n_rows: int, may_be_unknown: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`y` as a dense float32 indicator, and the names of its columns.

    The names are the columns of a data frame, else 0, 1, ..., n_labels - 1. Rows of the
    mask `may_be_unknown` (images) may hold -1.
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
    try:
        dense = np.asarray(y.toarray() if sparse.issparse(y) else y)
    except ValueError:  # rows of different lengths
        dense = np.empty(0, dtype=object)
    hint = "Use sklearn.preprocessing.MultiLabelBinarizer to make it from lists of labels."
    if dense.ndim != 2 or dense.shape[1] == 0:
        raise ValueError(
            f"y must be an indicator matrix of shape (n_items, n_labels); got shape "
            f"{dense.shape}. {hint}"
        )
    if len(dense) != n_rows:
        raise ValueError(
            f"X has {n_rows} items but y has {len(dense)} rows; they must be the same number."
        )
    if dense.dtype.kind in "OUS":
        try:
            dense = dense.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(f"y must hold numbers 0 and 1 ({error}). {hint}") from None
    valid = np.isin(dense, (0, 1))
    if may_be_unknown is not None:
        valid |= may_be_unknown[:, None] & (dense == -1)
    if not valid.all():
        row, column = np.argwhere(~valid)[0]
        remedy = (
            "Only the labels of images may be unknown (-1); those of texts must be known."
            if dense[row, column] == -1
            else hint
        )
        raise ValueError(
            f"y[{row}, {column}] is {dense[row, column]}; expected 1 (present) or 0 (absent). "
            f"{remedy}"
        )
    if names is None:
        names = np.arange(dense.shape[1])
    return dense.astype(np.float32), names
