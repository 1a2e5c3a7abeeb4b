"""Perturbations of embeddings that bridge the gap between texts and images."""

from ._mixed import MixedPerturbation
from ._random import RandomPerturbation
from ._shifted import ShiftedPerturbation

__all__ = ["MixedPerturbation", "RandomPerturbation", "ShiftedPerturbation"]
