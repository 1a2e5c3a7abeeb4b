"""Picture formats: those that Pillow reads by itself, HEIC, and camera raw files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from PIL import Image, features

from ..exceptions import install_command

_HEIF_SUFFIXES = (".heic", ".heif", ".hif")
_RAW_SUFFIXES = tuple(".arw .cr2 .cr3 .dng .nef .orf .pef .raf .rw2 .srw".split())
IMAGE_SUFFIXES = (
    *".jpg .jpeg .png .webp .gif .bmp .tif .tiff .avif".split(),
    *_HEIF_SUFFIXES,
    *_RAW_SUFFIXES,
)
# Pillow has more, but some start other programs, such as EPS, whatever the file's suffix.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


class BadPictureError(Exception):
    """Its arguments are a reason and a remedy."""


def open_file(path: Path) -> Image.Image:
    """The picture in a file; most formats are not decoded yet."""
    suffix = path.suffix.lower()
    if suffix in _RAW_SUFFIXES:
        return _develop(path)
    formats = list(_FORMATS)
    if suffix in _HEIF_SUFFIXES:
        _need("pillow_heif", "is a HEIC picture")
        from pillow_heif import register_heif_opener

        register_heif_opener()
        formats.append("HEIF")
    if features.check("avif"):
        formats.append("AVIF")
    elif suffix == ".avif":
        raise BadPictureError("is an AVIF picture", "Install Pillow 11.3 or later")
    return Image.open(path, formats=formats)


def _develop(path: Path) -> Image.Image:
    """Read a camera's raw file at half its size, the right way up."""
    _need("rawpy", "is a camera's raw file")
    import rawpy

    with rawpy.imread(str(path)) as raw:
        return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))


def _need(package: str, reason: str) -> None:
    if find_spec(package) is None:
        raise BadPictureError(reason, f"Run: {install_command('photos')}")
