"""What groups and exclusion mean for scores, labels and decisions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ._vocabulary import Vocabulary


def with_groups(values: np.ndarray, vocabulary: Vocabulary | None, labels: Any) -> np.ndarray:
    """Scores or indicators in which no group has less than its members.

    The last dimension of `values` is `labels`; those that `vocabulary` does not know stand for
    themselves.
    """
    if vocabulary is None or not vocabulary.groups:
        return values
    column = {label: k for k, label in enumerate(labels)}
    found = values.copy()
    for group in vocabulary.groups:
        members = _columns(vocabulary.below(group), column)
        if group in column and members:
            found[..., column[group]] = values[..., [column[group], *members]].max(axis=-1)
    return found


def with_group_labels(Y: Any, vocabulary: Vocabulary | None, labels: Any) -> Any:
    """An indicator, with -1 where unknown, in which a group is present if a member is."""
    if vocabulary is None or not vocabulary.groups:
        return Y
    Y = np.asarray(Y)
    return np.where(with_groups(Y == 1, vocabulary, labels), Y.dtype.type(1), Y)


def first_of_exclusive(
    margins: np.ndarray, vocabulary: Vocabulary | None, labels: Any
) -> np.ndarray:
    """How far scores (n_items, n_labels) are above their cuts; -inf where another label holds.

    Of exclusive labels the one with the highest margin holds, the first of equals. What falls
    takes its members along; a group stands as high as the highest member.
    """
    if vocabulary is None or not vocabulary.exclusive:
        return margins
    column = {label: k for k, label in enumerate(labels)}
    found = margins.copy()
    for rivals in vocabulary.exclusive:
        own = [rival for rival in rivals if rival in column]
        if len(own) < 2:
            continue
        high = with_groups(found, vocabulary, labels)[:, _columns(own, column)]
        best = high.argmax(axis=1)
        for place, rival in enumerate(own):
            fallen = _columns(vocabulary.below(rival) | {rival}, column)
            found[np.ix_(best != place, fallen)] = -np.inf
    return found


def _columns(labels: Iterable[str], column: dict[Any, int]) -> list[int]:
    return [column[label] for label in labels if label in column]
