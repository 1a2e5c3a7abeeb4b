"""Which labels each text is about."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np


def check_labels_per_text(given: Any, n_labels: int) -> tuple[int, int]:
    """The smallest and the largest number of labels in a text."""
    bounds = (given, given) if isinstance(given, Integral) else tuple(given)
    if len(bounds) != 2 or not all(isinstance(b, Integral) for b in bounds):
        raise ValueError(f"labels_per_text must be an int or two; got {given!r}.")
    low, high = (int(b) for b in bounds)
    if not 1 <= low <= high:
        raise ValueError(f"labels_per_text must satisfy 1 <= min <= max; got {given!r}.")
    # a user with three labels may well keep the default (1, 4)
    return min(low, n_labels), min(high, n_labels)


def balanced_sets(
    rng: np.random.Generator, n_labels: int, sizes: np.ndarray
) -> Iterator[list[int]]:
    """Random label sets of given sizes in which all labels occur equally often."""
    queue: list[int] = []
    for size in sizes:
        while len(queue) < size + n_labels:
            queue.extend(rng.permutation(n_labels).tolist())
        chosen: list[int] = []
        place = 0
        while len(chosen) < size:  # a label met again waits for the next text
            if queue[place] in chosen:
                place += 1
            else:
                chosen.append(queue.pop(place))
        yield chosen
