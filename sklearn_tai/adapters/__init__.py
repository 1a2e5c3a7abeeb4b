"""Adapters: from embeddings with noise to scores of labels."""

from .._public import settle
from ._base import BaseAdapter, PhotoCalibration, TrainingData
from ._kernel import KernelAdapter
from ._losses import (
    KnownBCEWithLogitsLoss,
    RankingLoss,
    asymmetric_loss,
    binary_cross_entropy,
    ranking_loss,
)
from ._mlp import MLPAdapter
from ._network import MLPModule
from ._network import unit_scale as unit_scale
from ._platt import OFFSET_SHRINKAGE as OFFSET_SHRINKAGE
from ._platt import fit_sigmoid as fit_sigmoid
from ._scikit_learn import ScikitLearnAdapter
from ._seeds import seeded as seeded

__all__ = [
    "BaseAdapter",
    "KernelAdapter",
    "KnownBCEWithLogitsLoss",
    "MLPAdapter",
    "MLPModule",
    "PhotoCalibration",
    "RankingLoss",
    "ScikitLearnAdapter",
    "TrainingData",
    "asymmetric_loss",
    "binary_cross_entropy",
    "ranking_loss",
]

settle(globals())
