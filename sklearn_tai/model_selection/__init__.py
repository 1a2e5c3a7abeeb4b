"""Few-shot and partial-label sampling, and splits across modalities."""

from .._public import settle
from ._sampling import few_shot_indices, mask_labels
from ._split import CrossModalSplit

__all__ = ["CrossModalSplit", "few_shot_indices", "mask_labels"]

settle(globals())
