"""Few-shot and partial-label samples, what to label next, and cross-modal splits."""

from .._public import settle
from ._entropy import entropy_sampling
from ._sampling import few_shot_indices, mask_labels
from ._split import CrossModalSplit

__all__ = ["CrossModalSplit", "entropy_sampling", "few_shot_indices", "mask_labels"]

settle(globals())
