"""Give a model's tensors the memory layout that is fastest."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def fast_layout(model: Any) -> Any:
    """Change the memory layout of a frozen open_clip model in place, not its results.

    Convolutions use channels last. Transformers use positions, not items, as the first
    dimension: with open_clip's default, torch multiplies by the attention's weights batch by
    batch, which takes up to twice the time.
    """
    from open_clip.transformer import ResidualAttentionBlock, Transformer

    for module in model.modules():
        if type(module) is not Transformer or not getattr(module, "batch_first", False):
            continue  # other classes may rely on the order of dimensions
        blocks = list(module.resblocks)
        if all(
            type(block) is ResidualAttentionBlock and type(block.attn) is nn.MultiheadAttention
            for block in blocks
        ):
            module.batch_first = False
            for block in blocks:
                block.attn.batch_first = False
    return model.to(memory_format=torch.channels_last)
