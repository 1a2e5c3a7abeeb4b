"""What users may pass as ``y``: an indicator matrix of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from scipy import sparse

from .._typing import LabelNames
from ._relations import as_vocabulary, join
from ._vocabulary import Vocabulary

_MANY = 10_000_000  # entries of a matrix: 40 MB
_STACKING = (np.concatenate, np.vstack)
_HINT = "Use sklearn.preprocessing.MultiLabelBinarizer to make it from lists of labels."


class LabelIndicator(np.ndarray):
    """An indicator matrix whose columns have names.

    It behaves like any array. Names and vocabulary are kept in slices of rows and columns,
    in copies, when rows are stacked, and in pickles. Other operations drop them rather than
    mix them up.

    Parameters
    ----------
    matrix : array-like of shape (n_items, n_labels)
        1 if an item has a label, else 0.
    label_names : sequence of n_labels str, mapping or Vocabulary
        Names of the columns.

    Attributes
    ----------
    label_names : list of str or None
        The names; None if they are no longer known.
    vocabulary : Vocabulary or None
        The relations between labels; None if unknown.

    Examples
    --------
    >>> from sklearn_tai.corpus import LabelIndicator
    >>> Y = LabelIndicator([[1, 0, 0], [0, 1, 1]], ["dog", "cat", "kite"])
    >>> Y[:, [2, 0]].label_names
    ['kite', 'dog']
    """

    label_names: list[str] | None
    vocabulary: Vocabulary | None

    def __new__(cls, matrix: Any, label_names: LabelNames) -> LabelIndicator:
        """The same array, with label names."""
        array = np.asarray(matrix)
        if array.ndim != 2 or array.shape[1] != len(label_names):
            raise ValueError(
                f"{len(label_names)} label_names do not fit a matrix of shape {array.shape}; give "
                "one for each column."
            )
        known = as_vocabulary(label_names) if isinstance(label_names, Mapping) else None
        return cls._named(array, list(label_names), known)

    @classmethod
    def _named(
        cls, matrix: np.ndarray, names: list[str] | None, vocabulary: Vocabulary | None
    ) -> LabelIndicator:
        named = matrix.view(cls)
        named.label_names = None if names is None else list(names)
        named.vocabulary = None if names is None else vocabulary
        return named

    def __array_finalize__(self, array: np.ndarray | None) -> None:
        self.label_names = self.vocabulary = None  # set later, if known

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Return plain arrays and numbers from arithmetic."""
        return np.asarray(array)[()] if np.ndim(array) == 0 else np.asarray(array)

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        if not isinstance(part, LabelIndicator):  # a number
            return part
        keys = key if isinstance(key, tuple) else (key,)
        rows, columns = (*keys, slice(None))[:2]
        if part.ndim != 2 or len(keys) > 2 or rows is Ellipsis or rows is None or columns is None:
            return part.view(np.ndarray)
        names = self.label_names
        if names is not None and columns is not Ellipsis:
            chosen = np.array(names, dtype=object)[columns]
            names = np.ravel(chosen).tolist() if np.size(chosen) == part.shape[1] else None
        return self._named(part, names, self.vocabulary)

    def copy(self, order: Any = "C") -> LabelIndicator:
        """A copy with the same names."""
        return self._named(super().copy(order), self.label_names, self.vocabulary)

    def __copy__(self) -> LabelIndicator:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> LabelIndicator:
        return self.copy()

    def astype(self, *args: Any, **kwargs: Any) -> LabelIndicator:
        """The same with another type of numbers."""
        return self._named(super().astype(*args, **kwargs), self.label_names, self.vocabulary)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Keep the names of stacked rows if they agree."""
        result = super().__array_function__(func, types, args, kwargs)
        if func not in _STACKING or len(args) > 1 or kwargs.get("axis", 0) != 0:
            return result
        parts = [part for part in args[0] if isinstance(part, LabelIndicator)]
        known = [part.label_names for part in parts if part.label_names is not None]
        if len(known) < len(parts):  # the columns of an array without names may be in any order
            return np.asarray(result)
        if not known:
            return result
        if any(names != known[0] for names in known):
            raise ValueError(
                f"these indicator matrices have different labels, {known[0][:10]} and "
                f"{next(names for names in known if names != known[0])[:10]}. Bring their "
                "columns into the same order first."
            )
        return self._named(result, known[0], join(part.vocabulary for part in parts))

    def __reduce__(self) -> Any:
        function, args, state = cast(tuple[Any, ...], super().__reduce__())
        return function, args, (*state, self.label_names, self.vocabulary)

    def __setstate__(self, state: Any) -> None:
        *array, self.label_names, self.vocabulary = state
        super().__setstate__(tuple(array))


def vocabulary_of(y: Any) -> Vocabulary | None:
    """The vocabulary of an indicator; None if it has none."""
    return y.vocabulary if isinstance(y, LabelIndicator) else None


def column_names(y: Any) -> np.ndarray | None:
    """Names of the columns of an indicator or a data frame; None if they have none."""
    if isinstance(y, LabelIndicator):
        return None if y.label_names is None else np.array(y.label_names)
    if hasattr(y, "columns") and hasattr(y, "to_numpy"):
        return np.asarray(y.columns)
    return None


def label_array(names: Sequence[Any], is_mixed: bool = False) -> np.ndarray:
    """An array that keeps the labels' types, where NumPy would convert them to one."""
    is_mixed |= len({type(name) for name in names}) > 1
    return np.array(names, dtype=object if is_mixed else None)


def check_indicator(
    y: Any, n_rows: int, may_be_unknown: np.ndarray | None = None, accept_sparse: bool = False
) -> tuple[Any, np.ndarray]:
    """`y` as a float32 indicator, and the names of its columns.

    It is dense, or a CSR array if `y` is sparse or large and `accept_sparse`. The names are those
    of the columns, or else 0, 1, ..., n_labels - 1. Rows of the mask `may_be_unknown` (images)
    may contain -1.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass an "
            "indicator matrix of shape (n_items, n_labels)."
        )
    names = column_names(y)
    if names is not None:
        repeated = sorted({str(name) for name in names if (names == name).sum() > 1})
        if repeated:
            raise ValueError(f"y has more than one column named {repeated}; rename them.")
        y = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    matrix: Any
    if sparse.issparse(y) and accept_sparse:
        matrix = sparse.csr_array(y, copy=True)
        matrix.sum_duplicates()  # toarray does the same
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
            raise ValueError(
                f"y must contain only the numbers 0 and 1 ({error}). {_HINT}"
            ) from None
    elif accept_sparse and matrix.size > _MANY:
        matrix = sparse.csr_array(matrix)  # an item has only a few of thousands of labels
    if sparse.issparse(matrix):
        entries = matrix.tocoo()
        _check_values(entries.data, entries.row, entries.col, may_be_unknown)
    else:
        # only entries other than 0 and 1, which are few or wrong
        rows, columns = np.nonzero(~np.isin(matrix, (0, 1)))
        _check_values(matrix[rows, columns], rows, columns, may_be_unknown)
    if names is None:
        names = np.arange(matrix.shape[1])
    return matrix.astype(np.float32), names


def _check_values(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, may_be_unknown: np.ndarray | None
) -> None:
    """Refuse label entries other than 0, 1 and, if allowed, -1."""
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
