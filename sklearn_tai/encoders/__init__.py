"""Encoders that put texts and images in one space."""

from .._public import settle
from ._base import BaseEncoder, EncodedBatch
from ._open_clip import OpenCLIPEncoder
from ._presets import PRESETS, Preset
from ._transformers import TransformersEncoder

__all__ = [
    "PRESETS",
    "BaseEncoder",
    "EncodedBatch",
    "OpenCLIPEncoder",
    "Preset",
    "TransformersEncoder",
]

settle(globals())
