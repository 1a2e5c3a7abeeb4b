"""Prompts whose first words are learned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from ._local import TextTower


class PromptLearner(nn.Module):
    """Learned vectors in front of the label names, as embedded by the frozen text tower.

    A prompt is [start, v_1, ..., v_M, label tokens, end] (CoOp).

    There is one set of prompts for each of `inits`: it starts from these words or, for None,
    from `n_context` random vectors. With `class_specific`, each label has its own vectors.
    The tower is not trained, and not part of this module's state.
    """

    def __init__(
        self,
        tower: TextTower,
        names: list[str],
        inits: Sequence[str | None],
        n_context: int,
        class_specific: bool,
    ) -> None:
        super().__init__()
        self.tower = tower
        words = {init: self._words(init) for init in inits if init is not None}
        if words:  # the same length for all sets, as they pass the tower together
            n_context = len(next(iter(words.values())))
        tokens, lengths = tower.tokenize(names)
        self.lengths = lengths + n_context
        longest = int(lengths.max())
        if (n_needed := longest + n_context) > tower.n_positions or bool(tokens[:, -1].any()):
            raise ValueError(
                f"The label {names[int(lengths.argmax())]!r} and {n_context} context vectors need "
                f"at least {n_needed} tokens, but the model has {tower.n_positions}. Lower "
                "n_context or shorten the label."
            )
        embedded = tower.embed(tokens[:, :longest])
        self._start, self._label = embedded[:, :1], embedded[:, 1:]
        n_own = len(names) if class_specific else 1
        sets = [
            0.02 * torch.randn(n_own, n_context, tower.width)
            if init is None
            else words[init].expand(n_own, -1, -1)
            for init in inits
        ]
        self.context = nn.Parameter(torch.stack(sets).to(tower.device))

    def _words(self, text: str) -> torch.Tensor:
        tokens, lengths = self.tower.tokenize([text])
        if lengths[0] <= 2:
            raise ValueError(f"context_init is {text!r}; give at least one word, or None.")
        return self.tower.embed(tokens[0, 1 : int(lengths[0]) - 1]).cpu()

    def forward(self) -> torch.Tensor:
        """Unit embeddings of all prompts, of shape (n_sets, n_labels, n_features)."""
        n_sets, n_labels = len(self.context), len(self._label)
        prompts = torch.cat(
            [
                self._start.expand(n_sets, -1, -1, -1),
                self.context.expand(-1, n_labels, -1, -1),
                self._label.expand(n_sets, -1, -1, -1),
            ],
            dim=2,
        )
        features = self.tower.text_features(prompts.flatten(0, 1), self.lengths.repeat(n_sets))
        return F.normalize(features, dim=-1).unflatten(0, (n_sets, n_labels))
