"""Read pictures in threads while the model is at work on the batch before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from joblib import cpu_count
from PIL import Image

from .._items import open_image


def image_batches(
    loaded: Any, images: Sequence[Any], places: Sequence[int], batch_size: int
) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """Rows of `images` and their embeddings, batch by batch.

    At most two batches of pixels are in memory: the one in the model and the next.
    `places` are the pictures' indices in the user's ``X``, for messages.
    """

    def pixels(item: Any, place: int) -> torch.Tensor:
        return loaded.preprocess(open_image(item, place))

    def begin(rows: np.ndarray) -> list[Future[torch.Tensor]]:
        futures = []
        for row in rows:
            item = images[row]
            if isinstance(item, Image.Image):
                # the same lazily read object may be there twice, and is not safe with threads
                item = open_image(item, places[row])
            futures.append(pool.submit(pixels, item, places[row]))
        return futures

    waiting: deque[tuple[np.ndarray, list[Future[torch.Tensor]]]] = deque()
    pool = ThreadPoolExecutor(min(cpu_count(), batch_size))
    try:
        for start in range(0, len(images) + batch_size, batch_size):
            rows = np.arange(start, min(start + batch_size, len(images)))
            if len(rows):
                waiting.append((rows, begin(rows)))
            if len(waiting) > 1 or (waiting and not len(rows)):
                done, futures = waiting.popleft()
                batch = torch.stack([future.result() for future in futures])
                batch = batch.to(loaded.device, loaded.dtype, memory_format=torch.channels_last)
                yield done, loaded.model.encode_image(batch)
    finally:
        pool.shutdown(cancel_futures=True)
