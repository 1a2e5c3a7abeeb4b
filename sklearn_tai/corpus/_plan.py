"""Choose the labels of each text and the names it uses for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, cycle, product
from numbers import Integral
from typing import Any

import numpy as np

from ..inputs import Vocabulary


def check_labels_per_text(given: Any, n_labels: int) -> tuple[int, int]:
    """The smallest and the largest number of labels in a text."""
    bounds = (given, given) if isinstance(given, Integral) else tuple(given)
    if len(bounds) != 2 or not all(isinstance(b, Integral) for b in bounds):
        raise ValueError(f"labels_per_text must be an int or two; got {given!r}.")
    low, high = (int(b) for b in bounds)
    if not 1 <= low <= high:
        raise ValueError(f"labels_per_text must satisfy 1 <= min <= max; got {given!r}.")
    # with fewer than four labels, the default (1, 4) should still work
    return min(low, n_labels), min(high, n_labels)


def balanced_sets(
    rng: np.random.Generator,
    items: Sequence[int],
    sizes: np.ndarray,
    apart: Mapping[int, set[int]] | None = None,
) -> Iterator[list[int]]:
    """Random sets of the given sizes, in which all items occur equally often.

    Items that are `apart` never share a set. A set is smaller if no other items are left.
    """
    apart = apart or {}
    queue: list[int] = []
    for size in sizes:
        while len(queue) < size + len(items):
            queue.extend(rng.permutation(items).tolist())
        chosen: list[int] = []
        barred: set[int] = set()
        place = 0
        while len(chosen) < size and place < len(queue):
            if queue[place] in barred:  # wait for the next text
                place += 1
            else:
                chosen.append(queue.pop(place))
                barred |= {chosen[-1], *apart.get(chosen[-1], ())}
        yield chosen


def never_together(vocabulary: Vocabulary) -> dict[int, set[int]]:
    """Numbers of the labels that exclude each label, or are its groups and members."""
    number = {label: k for k, label in enumerate(vocabulary)}
    pairs: list[Any] = [([group], vocabulary.below(group)) for group in vocabulary.groups]
    for rivals in vocabulary.exclusive:
        pairs += combinations([[rival, *vocabulary.below(rival)] for rival in rivals], 2)
    apart: dict[int, set[int]] = defaultdict(set)
    for one, other in (pair for some, others in pairs for pair in product(some, others)):
        apart[number[one]].add(number[other])
        apart[number[other]].add(number[one])
    return apart


def names_in_turn(
    names: Iterable[Sequence[str]], sets: Iterable[Sequence[int]]
) -> list[list[str]]:
    """What each text calls its items: every item takes its names in turn, over and over."""
    turns = list(map(cycle, names))
    return [[next(turns[k]) for k in chosen] for chosen in sets]
