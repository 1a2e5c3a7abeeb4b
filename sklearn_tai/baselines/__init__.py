"""The rivals, as estimators."""

from ._zero_shot import ZeroShotClassifier

__all__ = ["ZeroShotClassifier"]
