"""Adapters: from embeddings with noise around them to scores of labels."""

from .._public import settle
from ._base import BaseAdapter, TrainingData
from ._kernel import KernelAdapter
from ._losses import (
    KnownBCEWithLogitsLoss,
    RankingLoss,
    asymmetric_loss,
    binary_cross_entropy,
    ranking_loss,
)
from ._mlp import MLPAdapter, MLPModule
from ._scikit_learn import ScikitLearnAdapter

__all__ = [
    "BaseAdapter",
    "KernelAdapter",
    "KnownBCEWithLogitsLoss",
    "MLPAdapter",
    "MLPModule",
    "RankingLoss",
    "ScikitLearnAdapter",
    "TrainingData",
    "asymmetric_loss",
    "binary_cross_entropy",
    "ranking_loss",
]

settle(globals())
