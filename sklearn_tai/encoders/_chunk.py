"""Embed one chunk of items, with the model or from the cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..exceptions import ImageReadError
from ..inputs import was_read
from ._cache import EmbeddingCache, MemoryCache, content_key
from ._images import image_batches
from ._loaded import LoadedModel
from ._text import text_batches

N_BATCHES = 16
_N_BATCHES_OF_REGIONS = 4  # fewer, as the regions of one image take hundreds of KB
Batch = tuple[np.ndarray, np.ndarray]  # rows of the chunk and their embeddings


@dataclass
class Chunk:
    """A run of items that begins at the user's ``X[start]``.

    With `regions`, embeddings of images have three dimensions, with the whole image first.
    With a list of `errors`, images that cannot be read become NaN.
    """

    loaded: LoadedModel
    items: list[Any]
    start: int
    batch_size: int
    regions: bool
    cache: MemoryCache | EmbeddingCache | None
    errors: list[ImageReadError] | None

    def embed(self, rows: np.ndarray) -> Iterator[Batch]:
        """Embeddings of items (all texts or all images), from the cache or newly encoded."""
        if self.cache is None:
            return self._encode(rows)
        return self._encode_missing(rows, self.cache)

    def _encode(self, rows: np.ndarray) -> Iterator[Batch]:
        if len(rows) == 0:
            return
        items = [self.items[row] for row in rows]
        if isinstance(items[0], str):
            batches = text_batches(self.loaded, items, self.batch_size)
        else:
            places, encode_image = self.start + rows, self.loaded.image_tower(self.regions)
            batches = image_batches(
                self.loaded, encode_image, items, places, self.batch_size, self.errors
            )
        while True:
            with torch.inference_mode():  # not around the yield, where the caller runs
                found = next(batches, None)
            if found is None:
                return
            embeddings = found[1].float().cpu().numpy()
            if embeddings.ndim == 3:  # round regions as the cache does
                embeddings[:, 1:] = embeddings[:, 1:].astype(np.float16)
            yield rows[found[0]], embeddings

    def _encode_missing(
        self, rows: np.ndarray, cache: MemoryCache | EmbeddingCache
    ) -> Iterator[Batch]:
        in_memory = isinstance(cache, MemoryCache)
        prefix = self.loaded.uid if in_memory else self.loaded.fingerprint
        places: dict[str, list[int]] = {}  # rows by key, as an item may occur twice
        for row in rows.tolist():
            places.setdefault(content_key(prefix, self.items[row]), []).append(row)
        regions = self.regions and len(rows) > 0 and not isinstance(self.items[rows[0]], str)
        # part by part: little is lost when the run stops, and memory is bounded
        step = (_N_BATCHES_OF_REGIONS if regions else N_BATCHES) * self.batch_size

        def placed(found: dict[str, np.ndarray]) -> Iterator[Batch]:
            if found:
                where = [places[key] for key in found]
                counts = list(map(len, where))
                yield np.concatenate(where), np.repeat(np.stack([*found.values()]), counts, 0)

        missing = []
        for part in _parts(list(places), step):
            found = cache.get(part, regions)
            yield from placed(found)
            missing += [key for key in part if key not in found]
        if missing and not in_memory:
            # Processes that fill one cache with the same items begin at different places
            # and look again before each part, so that they share the work.
            turn = int.from_bytes(os.urandom(4), "big") % len(missing)
            missing = missing[turn:] + missing[:turn]
        for k, part in enumerate(_parts(missing, step)):
            found = cache.get(part, regions) if k else {}
            yield from placed(found)
            key_of = {places[key][0]: key for key in part if key not in found}
            for batch, embeddings in self._encode(np.array([*key_of], dtype=int)):
                keys = [key_of[row] for row in batch.tolist()]
                read = was_read(embeddings)  # do not cache failures: the file may be repaired
                cache.put([key for key, ok in zip(keys, read) if ok], embeddings[read])
                yield from placed(dict(zip(keys, embeddings)))


def _parts(keys: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
