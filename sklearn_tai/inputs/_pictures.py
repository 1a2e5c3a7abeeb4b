"""Open pictures of every kind as RGB, the right way up, or say what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, ImageOps

# Models scale the short edge to some 224 pixels, whatever that makes of the long one.
_MAX_ASPECT = 1000


def image_opener() -> Callable[[Any, int], Image.Image]:
    """:func:`open_image` for threads: a PIL image may be there twice, and is read lazily."""
    lock = Lock()

    def open_one(item: Any, index: int) -> Image.Image:
        with lock if isinstance(item, Image.Image) else nullcontext():
            return open_image(item, index)

    return open_one


def open_image(item: Any, index: int) -> Image.Image:
    """An RGB picture the right way up, read from whatever the user gave as ``X[index]``.

    Raises FileNotFoundError where there is no file, else ValueError.
    """
    if isinstance(item, np.ndarray):
        name = f"the array of shape {item.shape}"
        if 0 in item.shape:
            raise ValueError(f"X[{index}]: {name} has no pixels. Leave it out of X.")
        return _checked(Image.fromarray(item), index, name)
    if isinstance(item, Image.Image):
        return _upright(item, index, "the PIL image")
    _check_file(item, index)
    try:
        picture = Image.open(item)
    except Exception as error:  # Pillow's plugins raise all sorts
        raise _unreadable(index, repr(str(item)), error) from error
    with picture:
        return _upright(picture, index, repr(str(item)))


def _check_file(path: Path, index: int) -> None:
    if path.is_file():
        return
    if path.is_dir():
        raise ValueError(
            f"X[{index}]: {str(path)!r} is a folder. Pass its files, for instance "
            "sorted(folder.rglob('*.jpg'))."
        )
    if str(path).lower().startswith(("http:/", "https:/")):
        raise ValueError(
            f"X[{index}]: {str(path)!r} is a URL. Download the image and pass the path of its "
            "file."
        )
    kind = "is a link to a file that is not there" if path.is_symlink() else "is no file"
    raise FileNotFoundError(f"X[{index}]: {str(path)!r} {kind}. Check the path.")


def _upright(picture: Image.Image, index: int, name: str) -> Image.Image:
    """Decode a picture, turned as its camera says; of an animated one the first frame."""
    try:
        turned = ImageOps.exif_transpose(picture)
        if turned.mode == "F":
            raise ValueError("its pixels are floats, whose range is unknown; convert it to 8 bits")
        if turned.mode.startswith("I"):
            turned = _eight_bits(turned)
        if "transparency" in turned.info:  # what lies below is decided by the palette
            turned = turned.convert("RGBA")
        rgb = turned.convert("RGB")
    except Exception as error:
        raise _unreadable(index, name, error) from error
    return _checked(rgb, index, name)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The upper 8 of 16 bits; Pillow would cut off what is above 255."""
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("its pixels are beyond 16 bits; convert it to 8 bits")
    # whole numbers of 32 bits may hold 8 or 16
    if picture.mode != "I" or values.max() > 255:
        values >>= 8
    return Image.fromarray(values.astype(np.uint8))


def _checked(picture: Image.Image, index: int, name: str) -> Image.Image:
    long, short = max(picture.size), min(picture.size)
    if long > _MAX_ASPECT * short:
        raise ValueError(
            f"X[{index}]: {name} is {picture.size[0]} x {picture.size[1]} pixels, more than "
            f"{_MAX_ASPECT} times as long as wide. Crop it, or leave it out of X."
        )
    return picture


def _unreadable(index: int, name: str, error: Exception) -> ValueError:
    remedy = "Replace it, or leave it out of X."
    if isinstance(error, Image.DecompressionBombError):
        remedy = (
            "Make it smaller, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust where it comes "
            "from."
        )
    cause = str(error) or type(error).__name__
    return ValueError(f"X[{index}]: {name} cannot be read as an image ({cause}). {remedy}")
