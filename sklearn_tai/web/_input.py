"""Check the labels and images that visitors give."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..corpus import Vocabulary
from ..inputs import open_image, picture_file

_MAX_LABELS, _MAX_LABEL_LENGTH = 100, 60
_MAX_MEGAPIXELS, _MAX_ASPECT = 50, 100


class Mistake(Exception):
    """An error that the visitor can correct; its message is for the page."""


def parse_labels(text: str) -> Vocabulary:
    """Labels, one per line or separated by commas, in the format of :class:`Vocabulary`."""
    few = "Please type at least two labels, one per line or separated by commas."
    if not text.strip(" ,\n"):
        raise Mistake(few)
    try:
        labels = Vocabulary.from_text(text)
    except ValueError as error:
        raise Mistake(f"These labels cannot be read: {error}") from None
    if len(labels) < 2:
        raise Mistake(few)
    names = [name for own in labels.values() for name in own]
    if len(names) > _MAX_LABELS:
        raise Mistake(
            f"These are {len(names):,} labels. This page takes up to {_MAX_LABELS}, counting "
            "synonyms. For more, use TextAsImageClassifier in Python."
        )
    if long := [name for name in [*labels, *names] if len(name) > _MAX_LABEL_LENGTH]:
        raise Mistake(
            f"The label “{long[0][:_MAX_LABEL_LENGTH]}…” is too long: up to {_MAX_LABEL_LENGTH} "
            "letters, please. Are the commas missing?"
        )
    folded = [name.casefold() for name in names]
    if repeated := sorted({name for name in folded if folded.count(name) > 1}):
        raise Mistake(f"More than once: {', '.join(repeated)}. Please list each label once.")
    return labels


def open_picture(path: Path) -> Image.Image:
    """Open an RGB image, or raise Mistake; a huge image is not decoded."""
    try:
        with picture_file(path, 0) as picture:
            width, height = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Mistake(
            f"This image is too big: up to {_MAX_MEGAPIXELS} megapixels, please."
        ) from None
    except Exception:  # Pillow's plugins raise all sorts of errors
        raise Mistake("This file cannot be read as an image. JPEG, PNG and WebP work.") from None
    if width * height > _MAX_MEGAPIXELS * 1e6:
        raise Mistake(
            f"This image has {width:,} × {height:,} pixels: up to {_MAX_MEGAPIXELS} megapixels, "
            "please."
        )
    if max(width, height) > _MAX_ASPECT * min(width, height):
        raise Mistake(f"This image of {width:,} × {height:,} pixels is too thin. Crop it.")
    try:
        return open_image(path, 0)
    except ValueError:
        raise Mistake("This image is broken: its end is missing.") from None
