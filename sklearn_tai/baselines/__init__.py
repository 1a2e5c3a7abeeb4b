"""Rival methods: CLIP itself, learned prompts and other heads."""

from .._public import settle
from ._comc import CoMCClassifier
from ._coop import CoOpClassifier
from ._dual_coop import DualCoOpClassifier
from ._sarb import SARBClassifier
from ._tai_dpt import TaIDPTClassifier
from ._zero_shot import ZeroShotClassifier

__all__ = [
    "CoMCClassifier",
    "CoOpClassifier",
    "DualCoOpClassifier",
    "SARBClassifier",
    "TaIDPTClassifier",
    "ZeroShotClassifier",
]

settle(globals())
