"""Relations of labels: read, joined, and applied to scores and decisions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np
from scipy import sparse

from ._vocabulary import Vocabulary


def as_vocabulary(labels: Any) -> Vocabulary:
    """What users give as labels: a list, a mapping of labels to names, or a vocabulary."""
    return labels if isinstance(labels, Vocabulary) else Vocabulary(labels)


def join(vocabularies: Iterable[Vocabulary | None]) -> Vocabulary | None:
    """All that some vocabularies know, the first one's labels first."""
    known = [vocabulary for vocabulary in vocabularies if vocabulary is not None]
    return reduce(Vocabulary.__or__, known) if known else None


def group_columns(vocabulary: Vocabulary | None, labels: Any) -> dict[int, list[int]]:
    """Which columns are groups, and which ones are in each; `labels` names the columns."""
    if vocabulary is None or not vocabulary.groups:
        return {}
    column = {label: k for k, label in enumerate(labels)}
    found = {
        column[group]: [column[label] for label in vocabulary.below(group) if label in column]
        for group in vocabulary.groups
        if group in column
    }
    return {group: sorted(members) for group, members in found.items() if members}


def exclusive_columns(vocabulary: Vocabulary | None, labels: Any) -> list[list[int]]:
    """Columns of which one holds at most."""
    if vocabulary is None or not vocabulary.exclusive:
        return []
    column = {label: k for k, label in enumerate(labels)}
    found = ([column[one] for one in own if one in column] for own in vocabulary.exclusive)
    return [own for own in found if len(own) > 1]


def with_groups(values: np.ndarray, vocabulary: Vocabulary | None, labels: Any) -> np.ndarray:
    """Scores or indicators in which no group has less than its members.

    The last dimension of `values` is `labels`; those that `vocabulary` does not know stand for
    themselves.
    """
    members = group_columns(vocabulary, labels)
    found = values.copy() if members else values
    for group, own in members.items():
        found[..., group] = values[..., [group, *own]].max(axis=-1)
    return found


def with_group_labels(Y: Any, vocabulary: Vocabulary | None, labels: Any) -> Any:
    """An indicator, with -1 where unknown, in which a group is present if a member is."""
    if vocabulary is None or not vocabulary.groups:
        return Y
    Y = Y.toarray() if sparse.issparse(Y) else np.asarray(Y)
    return np.where(with_groups(Y == 1, vocabulary, labels), Y.dtype.type(1), Y)


def first_of_exclusive(
    margins: np.ndarray, vocabulary: Vocabulary | None, labels: Any
) -> np.ndarray:
    """How far scores (n_items, n_labels) are above their cuts; -inf where another label holds.

    Of exclusive labels the one with the highest margin holds, the first of equals. What falls
    takes its members along; a group stands as high as the highest member.
    """
    exclusive = exclusive_columns(vocabulary, labels)
    found = margins.copy() if exclusive else margins
    members = group_columns(vocabulary, labels) if exclusive else {}
    for rivals in exclusive:
        best = with_groups(found, vocabulary, labels)[:, rivals].argmax(axis=1)
        for place, rival in enumerate(rivals):
            found[np.ix_(best != place, [rival, *members.get(rival, ())])] = -np.inf
    return found
