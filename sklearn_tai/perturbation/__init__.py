"""Perturbations of embeddings that bridge the gap between texts and images."""

from ._random import RandomPerturbation

__all__ = ["RandomPerturbation"]
