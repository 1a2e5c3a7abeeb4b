"""What users may pass as ``X``: texts, images, a mixture, or embeddings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.utils import check_array

from ._formats import IMAGE_SUFFIXES

_EMPTY = "X is empty (0 items); at least one text or image is required."
_SMALLEST, _LARGEST = 1e-6, 1e15
_KINDS = (
    "a str (a text), a pathlib.Path, PIL image or uint8 array of shape (height, width, 3) "
    "(an image)"
)


def _is_image_array(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.ndim >= 2


def is_image(item: Any, index: int) -> bool:
    """True for an image, False for a text; an error for anything else."""
    if isinstance(item, str):
        _check_text(item, index)
        return False
    if isinstance(item, (Path, Image.Image)):
        return True
    if _is_image_array(item):
        if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3:
            raise ValueError(
                f"X[{index}] is an array of shape {item.shape} and dtype {item.dtype}; an image "
                "array must be uint8 of shape (height, width, 3). Convert it first, for "
                "instance np.uint8(255 * x) for floats in [0, 1]."
            )
        return True
    raise TypeError(
        f"X[{index}] is of type {type(item).__name__}; expected {_KINDS}, or X as a whole a "
        "2-D float array of embeddings."
    )


def _check_text(text: str, index: int) -> None:
    """Refuse strings that cannot be meant as texts."""
    if not text.strip():
        raise ValueError(f"X[{index}] is a blank text; leave it out of X.")
    if text.lower().endswith(IMAGE_SUFFIXES) and (os.path.isfile(text) or " " not in text):
        remedy = (
            "Download the image and pass the pathlib.Path of its file."
            if text.lower().startswith(("http://", "https://"))
            else "Pass pathlib.Path(...) to have the image."
        )
        raise ValueError(
            f"X[{index}] is the str {text[:200]!r}, which names an image file, but a str is taken "
            f"as a text. {remedy}"
        )


def as_embeddings(X: Any) -> Any | None:
    """`X` itself if it holds embeddings, None if it is a list of items.

    Embeddings are a matrix or, with those of regions, a three-dimensional float array.
    """
    if isinstance(X, np.ndarray):
        if X.ndim == 3:
            return X if X.dtype.kind == "f" else None
        return X if X.ndim == 2 or (X.ndim < 2 and X.dtype.kind not in "OUST") else None
    if hasattr(X, "toarray") or hasattr(X, "iloc") or hasattr(X, "__array__"):
        # sparse matrices, data frames, tensors; a Series of items is one-dimensional
        is_matrix = getattr(X, "ndim", 2) == 2 and not isinstance(X, Image.Image)
        return X if is_matrix else None
    if isinstance(X, Sequence) and not isinstance(X, str) and len(X) > 0:
        first = X[0]
        is_row = isinstance(first, (list, tuple)) or (
            isinstance(first, np.ndarray) and first.ndim == 1
        )
        is_number = isinstance(first, (bool, int, float, complex, np.number))
        return X if is_row or is_number else None
    return None


def check_embeddings(X: Any, name: str = "X") -> np.ndarray:
    """A finite float32 matrix."""
    return check_array(X, dtype=np.float32, input_name=name)


def check_range(X: np.ndarray, start: int = 0) -> np.ndarray:
    """Embeddings, checked to have norms within single precision; rows of zeros are allowed.

    The first row is the user's ``X[start]``.
    """
    largest = np.maximum(X.max(axis=-1), -X.min(axis=-1))
    odd = np.argwhere((largest > _LARGEST) | ((largest < _SMALLEST) & (largest > 0)))
    if len(odd):
        value = largest[tuple(odd[0])]
        raise ValueError(
            f"X[{start + odd[0][0]}] holds values up to {value:.2g}; embeddings have some between "
            f"{_SMALLEST:g} and {_LARGEST:g}. Scale all of them, texts and images alike."
        )
    return X


def check_modality(modality: Any, n_rows: int) -> np.ndarray:
    """A mask of the rows that are images, given "text" or "image" for each row."""
    if modality is None:
        return np.zeros(n_rows, dtype=bool)
    kinds = np.asarray(modality)
    if kinds.shape != (n_rows,):
        raise ValueError(
            f"modality has shape {kinds.shape}; expected ({n_rows},), one for each row of X."
        )
    is_image = kinds == "image"
    unknown = np.flatnonzero(~is_image & (kinds != "text"))
    if len(unknown):
        raise ValueError(
            f"modality[{unknown[0]}] is {kinds[unknown[0]]!r}; expected 'text' or 'image'."
        )
    return is_image


def check_items(X: Any, modality: None = None) -> tuple[list[Any], np.ndarray]:
    """The items of `X` as a list, and a mask of those that are images."""
    if modality is not None:
        raise ValueError(
            "modality is only for embeddings; in a list of items, images are recognised by their "
            "type. Leave modality out."
        )
    if isinstance(X, (str, Path, Image.Image)) or (
        _is_image_array(X) and X.ndim == 3 and X.dtype == np.uint8
    ):
        raise ValueError(
            f"X is a single item of type {type(X).__name__}; expected a list of items. "
            "Wrap it in a list: [item]."
        )
    try:
        items = list(X)
    except TypeError:
        raise TypeError(
            f"X is of type {type(X).__name__}; expected a list whose items are {_KINDS}."
        ) from None
    if not items:
        raise ValueError(_EMPTY)
    return items, np.array([is_image(item, i) for i, item in enumerate(items)], dtype=bool)


def item_chunks(X: Any, size: int) -> Iterator[tuple[int, list[Any], np.ndarray]]:
    """A list as a whole, once all of it is checked; an iterator in chunks of `size` items.

    Yields the index of the first item, the items, and a mask of those that are images.
    """
    if not isinstance(X, Iterator):
        yield 0, *check_items(X)
        return
    start = 0
    while (items := list(islice(X, size))) or start == 0:
        if not items:
            raise ValueError(_EMPTY)
        yield start, items, np.array([is_image(x, start + i) for i, x in enumerate(items)], bool)
        start += len(items)


def in_order(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Join values that were computed in parts, each given with its rows, in the order of rows."""
    first = parts[0][1]
    whole = np.empty((sum(len(rows) for rows, _ in parts), *first.shape[1:]), first.dtype)
    for rows, values in parts:
        whole[rows] = values
    return whole
