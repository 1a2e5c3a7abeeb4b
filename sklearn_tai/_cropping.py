"""Cut images into tiles, in batches that fit into memory, and pool the scores of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import cpu_count
from scipy.special import softmax

from .exceptions import ImageReadError
from .inputs import image_opener, item_chunks

# number of crops -> tiles along each side, one number for each grid
GRIDS: dict[int, tuple[int, ...]] = {1: (), 5: (2,), 10: (3,), 14: (2, 3), 30: (2, 3, 4)}

_MAX_THREADS = 8  # each holds a picture and its crops
_MAX_CROPS, _MAX_PIXELS = 512, 2**27  # of one batch: 400 MB


@dataclass
class Pieces:
    """An item as it is scored: the whole, then its tiles."""

    index: int
    parts: list[Any]
    n_pixels: int = 0
    error: ImageReadError | None = None  # it could not be read; the whole is the item as given


def crop_batches(
    X: Any, grids: tuple[int, ...], overlap: float, min_size: int
) -> Iterator[list[Pieces]]:
    """Items and their crops in order, as many at a time as are scored together."""
    batch: list[Pieces] = []
    n_crops = n_pixels = 0
    for pieces in _read_ahead(X, grids, overlap, min_size):
        n_crops += len(pieces.parts)
        n_pixels += pieces.n_pixels
        if batch and (n_crops > _MAX_CROPS or n_pixels > _MAX_PIXELS):
            yield batch
            batch, n_crops, n_pixels = [], len(pieces.parts), pieces.n_pixels
        batch.append(pieces)
    yield batch


def _read_ahead(X: Any, grids: tuple[int, ...], overlap: float, min_size: int) -> Iterator[Pieces]:
    n_threads = min(cpu_count(), _MAX_THREADS)
    open_image = image_opener()

    def cut(index: int, item: Any, is_image: bool) -> Pieces:
        if not is_image:
            return Pieces(index, [item])
        try:
            picture = open_image(item, index)
        except ImageReadError as error:
            return Pieces(index, [item], error=error)
        parts = [picture, *map(picture.crop, tile_boxes(picture.size, grids, overlap, min_size))]
        return Pieces(index, parts, sum(part.width * part.height for part in parts))

    waiting: deque[Future[Pieces]] = deque()
    pool = ThreadPoolExecutor(n_threads)
    try:
        for start, items, is_image in item_chunks(X, n_threads):
            for i, item in enumerate(items):
                waiting.append(pool.submit(cut, start + i, item, bool(is_image[i])))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def tile_boxes(
    size: tuple[int, int], grids: tuple[int, ...], overlap: float, min_size: int
) -> list[tuple[int, int, int, int]]:
    """Boxes (left, upper, right, lower) of the tiles, row by row, grid by grid.

    `size` is the picture's width and height. A grid whose tiles have a side of fewer than
    `min_size` pixels is left out.
    """
    boxes = []
    for n in grids:
        # n sides, less what neighbours share, are one: n * side - (n - 1) * overlap * side
        side = 1 / (n - (n - 1) * overlap)
        starts = np.linspace(0, 1 - side, n)
        columns, rows = (np.rint(length * np.c_[starts, starts + side]) for length in size)
        if min(np.diff(columns).min(), np.diff(rows).min()) >= min_size:
            boxes += [(int(a), int(b), int(c), int(d)) for b, d in rows for a, c in columns]
    return boxes


def pool_scores(
    scores: np.ndarray, pooling: str, whole_weight: float | None, temperature: float
) -> np.ndarray:
    """One score a label, from those of the whole (the first row) and its tiles."""
    if len(scores) == 1:
        return scores[0]
    tiles = scores if whole_weight is None else scores[1:]
    if pooling == "max":
        pooled = tiles.max(axis=0)
    elif pooling == "mean":
        pooled = tiles.mean(axis=0)
    else:
        # 1 where all scores are equal, as any weights will do then
        spread = tiles.std() or 1.0
        pooled = (softmax(tiles / (temperature * spread), axis=0) * tiles).sum(axis=0)
    if whole_weight is None:
        return pooled
    return whole_weight * scores[0] + (1 - whole_weight) * pooled
