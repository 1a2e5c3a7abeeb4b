"""Run a text tower on as many positions as the texts need."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


def _tower(model: Any) -> Any:
    """Where the positions and the mask of the text tower are, in open_clip's two classes."""
    return getattr(model, "text", model)


def _pool_type(tower: Any) -> str | None:
    return getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))


def can_be_cut(model: Any) -> bool:
    """Whether positions behind the end of a text cannot change its embedding.

    That takes a causal mask, and an embedding that is read off at the end of the text.
    """
    tower = _tower(model)
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
    """How many positions each text needs, by the place its embedding is read off."""
    tower = _tower(model)
    if _pool_type(tower) == "eos":
        end: Any = getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))
        return tokens.eq(end).int().argmax(dim=1) + 1
    return tokens.argmax(dim=1) + 1


def cut(model: Any, length: int) -> Any:
    """A view of `model` for texts of at most `length` tokens; it shares the weights."""
    view: Any = _shallow(model)
    tower: Any = view
    if hasattr(model, "text"):
        tower = view._modules["text"] = _shallow(model.text)
    positions, mask = tower.positional_embedding, tower.attn_mask
    tower._parameters["positional_embedding"] = nn.Parameter(positions[:length], False)
    tower._buffers["attn_mask"] = mask[:length, :length]
    return view


def _shallow(module: nn.Module) -> nn.Module:
    """The same module with dictionaries of its own, so that entries can be replaced."""
    view = copy.copy(module)
    for name in ("_parameters", "_buffers", "_modules"):
        setattr(view, name, dict(getattr(module, name)))
    return view
