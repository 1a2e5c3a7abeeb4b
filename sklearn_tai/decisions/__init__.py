"""Decisions: from scores to labels, by thresholds and calibrated probabilities."""

from .._public import settle
from ._calibration import MultiLabelCalibratedClassifier
from ._platt import OFFSET_SHRINKAGE as OFFSET_SHRINKAGE
from ._platt import fit_sigmoid as fit_sigmoid
from ._post_hoc import to_logits as to_logits
from ._thresholds import MultiLabelThresholdClassifier

__all__ = ["MultiLabelCalibratedClassifier", "MultiLabelThresholdClassifier"]

settle(globals())
