"""Run a text tower on as few positions as the texts need."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

# Overhead of a batch, in tokens: small in full precision; in half precision, the weights are
# rearranged for the matrix unit in every batch.
_BATCH_COST = {torch.float32: 64}
_BATCH_COST_HALF = 512


def text_batches(
    loaded: Any, texts: list[str], batch_size: int
) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """Rows of `texts` and their embeddings; texts of similar length are batched together."""
    model, device = loaded.model, loaded.device
    n_full = n_positions = 0
    step = 64 * batch_size  # bounds the memory for tokens
    for start in range(0, len(texts), step):
        tokens = loaded.tokenize(texts[start : start + step])
        n_texts, n_positions = tokens.shape
        # open_clip pads with 0; towers with another padding are not checked
        n_full += int((tokens[:, -1] != 0).sum()) if loaded.text_can_be_cut else 0
        if not loaded.text_can_be_cut:
            for rows in np.split(np.arange(n_texts), range(batch_size, n_texts, batch_size)):
                yield start + rows, model.encode_text(tokens[rows].to(device))
            continue
        lengths = text_lengths(model, tokens).numpy()
        cost = _BATCH_COST.get(loaded.dtype, _BATCH_COST_HALF)
        # fewer tokens than in batch_size full texts, to stay within the CPU's cache
        max_tokens = max(batch_size * n_positions // 2, n_positions)
        for rows in plan_batches(lengths, max_tokens, cost):
            length = int(lengths[rows].max())
            own = tokens[rows, :length].to(device)
            yield start + rows, cut(model, length).encode_text(own)
    if n_full:
        warnings.warn(
            f"{n_full} of {len(texts)} texts fill the model's context of {n_positions} tokens; "
            "the rest of each is ignored. Shorten them.",
            UserWarning,
            stacklevel=4,
        )


def plan_batches(lengths: np.ndarray, max_tokens: int, batch_cost: int) -> list[np.ndarray]:
    """The cheapest batches of rows, counting padding and `batch_cost`.

    Texts are sorted by length; each batch holds a range of lengths, padded to its longest,
    with at most `max_tokens` in all (but at least one text). The best ranges are found by
    dynamic programming over the distinct lengths.
    """
    order = np.argsort(lengths, kind="stable")
    distinct, counts = np.unique(lengths, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)])
    best, cut_at = np.zeros(len(ends)), np.zeros(len(ends), dtype=int)
    for j in range(1, len(ends)):
        n_texts, length = ends[j] - ends[:j], distinct[j - 1]
        n_batches = np.ceil(n_texts / max(1, max_tokens // length))
        costs = best[:j] + n_texts * length + n_batches * batch_cost
        cut_at[j] = costs.argmin()
        best[j] = costs[cut_at[j]]
    batches: list[np.ndarray] = []
    j = len(distinct)
    while j > 0:
        rows = order[ends[cut_at[j]] : ends[j]]
        size = max(1, max_tokens // distinct[j - 1])
        batches[:0] = np.array_split(rows, -(-len(rows) // size))
        j = cut_at[j]
    return batches


def text_tower(model: Any) -> Any:
    """The module that holds positions and mask of the text tower, in open_clip's two classes."""
    return getattr(model, "text", model)


def _pool_type(tower: Any) -> str | None:
    return getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))


def can_be_cut(model: Any) -> bool:
    """Whether positions after the end of a text cannot affect its embedding.

    This requires a causal mask, and an embedding taken from the end of the text.
    """
    tower = text_tower(model)
    mask = getattr(tower, "attn_mask", None)
    positions = getattr(tower, "positional_embedding", None)
    if not isinstance(mask, torch.Tensor) or not isinstance(positions, torch.Tensor):
        return False
    n = len(positions)
    above = torch.ones(n, n, dtype=torch.bool, device=mask.device).triu(1)
    return (
        mask.shape == (n, n)
        and bool(torch.isneginf(mask[above]).all())
        and getattr(tower, "cls_emb", None) is None
        and _pool_type(tower) in ("argmax", "eos")
    )


def text_lengths(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Number of positions that each text needs, up to where its embedding is taken from."""
    tower = text_tower(model)
    if _pool_type(tower) == "eos":
        end: Any = getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))
        return tokens.eq(end).int().argmax(dim=1) + 1
    return tokens.argmax(dim=1) + 1


def cut(model: Any, length: int) -> Any:
    """A view of `model` for texts of at most `length` tokens, with the same weights."""
    view: Any = _shallow(model)
    tower: Any = view
    if hasattr(model, "text"):
        tower = view._modules["text"] = _shallow(model.text)
    positions, mask = tower.positional_embedding, tower.attn_mask
    tower._parameters["positional_embedding"] = nn.Parameter(positions[:length], False)
    tower._buffers["attn_mask"] = mask[:length, :length]
    return view


def _shallow(module: nn.Module) -> nn.Module:
    """A copy with its own dictionaries, so that entries can be replaced; weights are shared."""
    view = copy.copy(module)
    for name in ("_parameters", "_buffers", "_modules"):
        setattr(view, name, dict(getattr(module, name)))
    return view
