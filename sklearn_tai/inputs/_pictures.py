"""Open pictures of any kind as RGB, the right way up, or say what is wrong with them.

Unreadable images, if accepted, become rows of NaN in embeddings and scores.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ..exceptions import ImageNotFoundError, ImageReadError
from ._formats import BadPictureError, open_file

# Models scale the shorter edge to some 224 pixels; the longer one could become huge.
_MAX_ASPECT = 1000
# A JPEG is decoded at a half, a quarter or an eighth of its size if that is still this many
# times what the model sees. The change in embeddings is then smaller than that from rounding
# pixels to 8 bits (docs/evidence/performance.md).
_OVERSAMPLING = 3


def was_read(rows: np.ndarray) -> np.ndarray:
    """A mask of the rows, of embeddings or scores, without NaN from unreadable images."""
    return ~np.isnan(rows).any(axis=tuple(range(1, rows.ndim)))


def image_opener(side: int | None) -> Callable[[Any, int], Image.Image]:
    """:func:`open_image` for threads: the same PIL image, read lazily, may occur twice."""
    lock = Lock()

    def open_one(item: Any, index: int) -> Image.Image:
        with lock if isinstance(item, Image.Image) else nullcontext():
            return open_image(item, index, side)

    return open_one


def open_image(item: Any, index: int, side: int | None = None) -> Image.Image:
    """An RGB picture the right way up, read from the user's ``X[index]``.

    If it will be resized to `side` pixels, a large JPEG is not decoded in full. Raises
    ImageReadError.
    """
    path = item if isinstance(item, Path) else None
    try:
        if path is None:
            return _upright(Image.fromarray(item) if isinstance(item, np.ndarray) else item)
        with picture_file(path, index) as picture:
            if side is not None:
                picture.draft(None, _enough(picture.size, side))
            return _upright(picture)
    except ImageReadError:
        raise
    except Exception as error:  # Pillow's plugins raise all sorts of errors
        raise image_error(item, index, *_reason(error)) from error


def _enough(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Size to decode a JPEG at: its own, or this divided by 2, 4 or 8 without remainder.

    A remainder would be rounded, which stretches the picture and changes embeddings more than
    all the detail that is left out.
    """
    width, height = size
    least = _OVERSAMPLING * side
    for by in (8, 4, 2):
        if min(size) >= by * least and not (width % by or height % by):
            return width // by, height // by
    return size


def picture_file(path: Path, index: int) -> Image.Image:
    """The picture in a user's file, not yet decoded; always opened here."""
    _check_file(path, index)
    return open_file(path)


def image_error(item: Any, index: int, reason: str, remedy: str) -> ImageReadError:
    """The error about ``X[index]``; `reason` is worded to follow the item's name."""
    if isinstance(item, Path):
        return ImageReadError(index, item, reason, remedy)
    kind = f"array of shape {item.shape}" if isinstance(item, np.ndarray) else "PIL image"
    return ImageReadError(index, None, f"the {kind} {reason}", remedy)


def _reason(error: Exception) -> tuple[str, str]:
    if isinstance(error, BadPictureError):
        return error.args[0], error.args[1]
    remedy = "Replace it"
    if isinstance(error, Image.DecompressionBombError):
        remedy = (
            "Make it smaller, raise PIL.Image.MAX_IMAGE_PIXELS if you trust where it comes from"
        )
    return f"cannot be read as an image ({str(error) or type(error).__name__})", remedy


def _check_file(path: Path, index: int) -> None:
    if os.path.isfile(path):  # Path.is_file fails on very long names
        return
    if os.path.isdir(path):
        remedy = "Pass its files, for instance sorted(folder.rglob('*.jpg'))"
        raise ImageReadError(index, path, "is a folder", remedy)
    if str(path).lower().startswith(("http:/", "https:/")):
        remedy = "Download the image and pass the path of its file"
        raise ImageReadError(index, path, "is a URL", remedy)
    if os.path.exists(path):
        remedy = "Copy what comes out of it to a file"
        raise ImageReadError(index, path, "is a pipe, a socket or a device", remedy)
    is_link = os.path.islink(path)
    reason = "is a link to a missing file" if is_link else "does not exist"
    raise ImageNotFoundError(index, path, reason, "Check the path")


def _upright(picture: Image.Image) -> Image.Image:
    """Decode a picture and rotate it as EXIF says; animations give their first frame."""
    if 0 in picture.size:
        raise BadPictureError("has no pixels", "")
    turned = ImageOps.exif_transpose(picture)
    if turned.mode == "F":
        raise ValueError("its pixels are floats, whose range is unknown; convert it to 8 bits")
    if turned.mode.startswith("I"):
        turned = _eight_bits(turned)
    if "transparency" in turned.info:  # transparent pixels get their palette's colour
        turned = turned.convert("RGBA")
    width, height = turned.size
    if max(width, height) > _MAX_ASPECT * min(width, height):
        shape = f"is {width} x {height} pixels, more than {_MAX_ASPECT} times as long as wide"
        raise BadPictureError(shape, "Crop it")
    return turned.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The upper 8 of 16 bits; Pillow would clip at 255."""
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("its pixels are beyond 16 bits; convert it to 8 bits")
    # 32-bit integers may hold 8-bit or 16-bit values
    if picture.mode != "I" or values.max() > 255:
        values >>= 8
    return Image.fromarray(values.astype(np.uint8))
