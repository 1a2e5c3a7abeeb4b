"""Few-shot and partial-label sampling, what to label next, and splits across modalities."""

from .._public import settle
from ._entropy import entropy_sampling
from ._sampling import few_shot_indices, mask_labels
from ._split import CrossModalSplit

__all__ = ["CrossModalSplit", "entropy_sampling", "few_shot_indices", "mask_labels"]

settle(globals())
