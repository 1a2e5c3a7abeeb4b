"""Encoders that put texts and images in one space."""

from ._open_clip import OpenCLIPEncoder
from ._presets import PRESETS, Preset

__all__ = ["PRESETS", "OpenCLIPEncoder", "Preset"]
