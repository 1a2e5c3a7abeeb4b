"""Plots. They need matplotlib (``pip install sklearn-tai[plot]``)."""

from .._public import settle
from ._embedding import EmbeddingDisplay
from ._label_report import LabelReportDisplay
from ._prediction import PredictionDisplay
from ._radius import RadiusCurveDisplay
from ._regions import RegionDisplay
from ._regions import figure_size as figure_size
from ._reliability import ReliabilityDisplay

__all__ = [
    "EmbeddingDisplay",
    "LabelReportDisplay",
    "PredictionDisplay",
    "RadiusCurveDisplay",
    "RegionDisplay",
    "ReliabilityDisplay",
]

settle(globals())
