"""Plots. They need matplotlib (``pip install sklearn-tai[plot]``)."""

from ._embedding import EmbeddingDisplay
from ._radius import RadiusCurveDisplay

__all__ = ["EmbeddingDisplay", "RadiusCurveDisplay"]
