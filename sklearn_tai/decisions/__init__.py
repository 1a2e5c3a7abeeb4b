"""From scores to decisions: thresholds and calibrated probabilities."""

from .._public import settle
from ._calibration import MultiLabelCalibratedClassifier
from ._thresholds import MultiLabelThresholdClassifier

__all__ = ["MultiLabelCalibratedClassifier", "MultiLabelThresholdClassifier"]

settle(globals())
