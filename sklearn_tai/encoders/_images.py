"""Read pictures in threads while the model encodes the previous batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from joblib import cpu_count
from PIL import Image

from ..exceptions import ImageReadError, wording
from ..inputs import image_error, image_opener

# Bytes per number times pictures that a CPU embeds at once. With more, the output of a layer is
# beyond the 32 MiB up to which memory is reused, which took up to a fifth more time.
_AT_ONCE = 16


def image_batches(
    loaded: Any,
    encode_image: Callable[[torch.Tensor], torch.Tensor],
    images: Sequence[Any],
    places: np.ndarray,
    batch_size: int,
    errors: list[ImageReadError] | None = None,
) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """Rows of `images` and their embeddings, batch by batch.

    At most two batches of pixels are in memory: the one in the model and the next.
    `places` are the pictures' indices in the user's ``X``, for messages. A list of `errors`
    collects the unreadable pictures, whose embeddings are then NaN.
    """
    open_image = image_opener(loaded.side)

    def pixels(item: Any, place: int) -> torch.Tensor | None:
        try:
            return prepare(open_image(item, place), item, place)
        except ImageReadError as error:
            if errors is None:
                raise
            errors.append(error)
            return None

    def prepare(picture: Image.Image, item: Any, place: int) -> torch.Tensor:
        try:
            return loaded.preprocess(picture)
        except ValueError as error:  # a very thin picture would be resized to a width of 0 pixels
            size = f"{picture.width} x {picture.height} pixels"
            reason = f"is {size}, which cannot be brought to the size of the model ({error})"
            remedy = wording("Crop it, set resize_mode to 'squash'", "Crop it")
            raise image_error(item, place, reason, remedy) from error

    def encode(futures: list[Future[torch.Tensor | None]]) -> torch.Tensor:
        results = [future.result() for future in futures]
        bad = [k for k, result in enumerate(results) if result is None]
        stand_in = loaded.preprocess(Image.new("RGB", (64, 64))) if bad else None
        pictures: list[Any] = [stand_in if result is None else result for result in results]
        batch = torch.stack(pictures)
        batch = batch.to(loaded.device, loaded.dtype, memory_format=torch.channels_last)
        at_once = _AT_ONCE // batch.element_size() if batch.device.type == "cpu" else len(batch)
        encoded = torch.cat([encode_image(part) for part in batch.split(at_once)])
        if bad:
            encoded[bad] = torch.nan
        return encoded

    waiting: deque[tuple[np.ndarray, list[Future[torch.Tensor | None]]]] = deque()
    pool = ThreadPoolExecutor(min(cpu_count(), batch_size))
    try:
        for start in range(0, len(images), batch_size):
            rows = np.arange(start, min(start + batch_size, len(images)))
            begun = [pool.submit(pixels, images[int(i)], int(places[i])) for i in rows]
            waiting.append((rows, begun))
            if len(waiting) > 1:
                done, futures = waiting.popleft()
                yield done, encode(futures)
        for done, futures in waiting:
            yield done, encode(futures)
    finally:
        pool.shutdown(cancel_futures=True)
