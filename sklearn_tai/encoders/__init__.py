"""Encoders that put texts and images in one space."""

from ._open_clip import OpenCLIPEncoder

__all__ = ["OpenCLIPEncoder"]
