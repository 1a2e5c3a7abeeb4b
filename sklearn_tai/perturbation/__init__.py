"""Perturbations of embeddings, which bridge the gap between texts and images."""

from .._public import settle
from ._base import BasePerturbation
from ._mixed import MixedPerturbation
from ._random import RandomPerturbation
from ._shifted import ShiftedPerturbation

__all__ = ["BasePerturbation", "MixedPerturbation", "RandomPerturbation", "ShiftedPerturbation"]

settle(globals())
