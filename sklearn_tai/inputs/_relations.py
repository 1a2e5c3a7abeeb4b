"""Relations of labels: read, joined, and applied to scores and decisions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np
from scipy import sparse

from ._vocabulary import Vocabulary


def as_vocabulary(labels: Any) -> Vocabulary:
    """A vocabulary from a list of labels, a mapping of labels to names, or a vocabulary."""
    return labels if isinstance(labels, Vocabulary) else Vocabulary(labels)


def join(vocabularies: Iterable[Vocabulary | None]) -> Vocabulary | None:
    """Join vocabularies, with the labels of the first one first."""
    known = [vocabulary for vocabulary in vocabularies if vocabulary is not None]
    return reduce(Vocabulary.__or__, known) if known else None


def group_columns(vocabulary: Vocabulary | None, labels: Any) -> dict[int, list[int]]:
    """The columns that are groups, with those of their members; `labels` names the columns."""
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
    """Sets of columns that exclude each other."""
    if vocabulary is None or not vocabulary.exclusive:
        return []
    column = {label: k for k, label in enumerate(labels)}
    found = ([column[one] for one in own if one in column] for own in vocabulary.exclusive)
    return [own for own in found if len(own) > 1]


def with_groups(values: np.ndarray, vocabulary: Vocabulary | None, labels: Any) -> np.ndarray:
    """Scores or indicators in which every group has at least the values of its members.

    The last dimension of `values` is `labels`; labels outside `vocabulary` stay as they are.
    """
    members = group_columns(vocabulary, labels)
    found = values.copy() if members else values
    for group, own in members.items():
        found[..., group] = values[..., [group, *own]].max(axis=-1)
    return found


def with_group_labels(Y: Any, vocabulary: Vocabulary | None, labels: Any) -> Any:
    """An indicator (-1 if unknown) in which a group is present if a member is."""
    if vocabulary is None or not vocabulary.groups:
        return Y
    Y = Y.toarray() if sparse.issparse(Y) else np.asarray(Y)
    return np.where(with_groups(Y == 1, vocabulary, labels), Y.dtype.type(1), Y)


def first_of_exclusive(
    margins: np.ndarray, vocabulary: Vocabulary | None, labels: Any
) -> np.ndarray:
    """Margins of scores over thresholds (n_items, n_labels), -inf for labels that lose to another.

    Of exclusive labels, the one with the highest margin wins, or the first of equal ones. A group
    counts with its highest member, and one that loses takes its members along.
    """
    exclusive = exclusive_columns(vocabulary, labels)
    found = margins.copy() if exclusive else margins
    members = group_columns(vocabulary, labels) if exclusive else {}
    for rivals in exclusive:
        best = with_groups(found, vocabulary, labels)[:, rivals].argmax(axis=1)
        for place, rival in enumerate(rivals):
            found[np.ix_(best != place, [rival, *members.get(rival, ())])] = -np.inf
    return found
