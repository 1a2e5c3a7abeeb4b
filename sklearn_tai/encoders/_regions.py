"""Embed an image's regions in the joint space, in the pass that embeds the whole image.

In the last step of a tower, attention gathers the whole image's embedding. A region's
embedding is what that step would return if it attended to this place alone: the attention's
values after its output projection, as in MaskCLIP (Zhou et al., ECCV 2022).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional as F

from ._text import _shallow


class RegionTower:
    """A model whose ``encode_image`` returns the whole image, then its regions row by row.

    It shares the weights of `model`, which is not changed.

    Parameters
    ----------
    model : torch.nn.Module
        A model of open_clip that has regions, see :func:`has_regions`.

    Attributes
    ----------
    grid : tuple of int
        Numbers of rows and columns of regions.
    """

    def __init__(self, model: Any) -> None:
        way = _way(model)
        if way is None:
            raise ValueError(f"The image tower {type(model.visual).__name__} has no regions.")
        self._encode = way(model.visual)
        self.grid = self._encode.grid

    def encode_image(self, batch: torch.Tensor) -> torch.Tensor:
        """Embeddings of shape (n_images, 1 + n_regions, n_features)."""
        whole, regions = self._encode(batch)
        return torch.cat([whole[:, None], regions.to(whole.dtype)], dim=1)


def has_regions(model: Any) -> bool:
    """Whether the image tower can embed regions in the space of whole images."""
    return _way(model) is not None


def _way(model: Any) -> type[_OfTransformer | _OfPool | _OfResNet | _OfTimm] | None:
    """The class that finds this tower's regions; None if there is none."""
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    visual = getattr(model, "visual", None)
    if isinstance(visual, ModifiedResNet):
        return _OfResNet
    if isinstance(visual, TimmModel):
        return _OfTimm if _has_map_pool(visual) else None
    if not isinstance(visual, VisionTransformer):
        return None
    if visual.attn_pool is not None:  # with a second pool, the first is not the last step
        return _OfPool if visual.attn_pool_contrastive is None else None
    last: Any = visual.transformer.resblocks[-1]
    plain = type(last) is ResidualAttentionBlock and type(last.attn) is nn.MultiheadAttention
    return _OfTransformer if plain and visual.pool_type in ("tok", "avg") else None


# -------------------------------------------------------------- vision transformers of open_clip
class _OfTransformer:
    """Values of the last block's attention, without the residual stream and the MLP.

    By then, the stream at each place describes the whole image.
    """

    def __init__(self, visual: Any) -> None:
        self.visual = visual
        self.grid = tuple(visual.grid_size)

    def __call__(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        visual = cast(Any, _shallow(self.visual))
        transformer = visual._modules["transformer"] = cast(Any, _shallow(visual.transformer))
        last = _LastBlock(
            transformer.resblocks[-1], transformer.batch_first, visual.pool_type == "tok"
        )
        transformer._modules["resblocks"] = nn.ModuleList([*transformer.resblocks[:-1], last])
        visual.output_tokens = False
        whole = visual(batch)
        regions = visual.ln_post(last.values)
        return whole, regions if visual.proj is None else regions @ visual.proj


class _LastBlock(nn.Module):
    """The last block, which keeps the values of its attention.

    If only the class token is used, the block returns no other token: that saves more time
    than the values take.
    """

    values: torch.Tensor  # (n_images, n_regions, width)

    def __init__(self, block: Any, batch_first: bool, class_token: bool) -> None:
        super().__init__()
        self.block = block
        self.axis = 1 if batch_first else 0  # of the positions
        self.class_token = class_token

    def forward(self, x: torch.Tensor, **options: Any) -> torch.Tensor:
        block, axis = self.block, self.axis
        normed = block.ln_1(x)
        places = normed.narrow(axis, 1, x.shape[axis] - 1)
        self.values = block.ls_1(_values(block.attn, places))
        if axis == 0:
            self.values = self.values.transpose(0, 1)
        if not self.class_token:
            return block(x, **options)
        first, own = (tensor.narrow(axis, 0, 1) for tensor in (x, normed))
        first = first + block.ls_1(block.attn(own, normed, normed, need_weights=False)[0])
        return first + block.ls_2(block.mlp(block.ln_2(first)))


class _OfPool:
    """Values of CoCa's attention pool, which follows the blocks."""

    def __init__(self, visual: Any) -> None:
        self.visual = visual
        self.grid = tuple(visual.grid_size)

    def __call__(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        visual = cast(Any, _shallow(self.visual))
        pool = visual._modules["attn_pool"] = _LatentPool(visual.attn_pool)
        visual.output_tokens = False
        whole = visual(batch)
        regions = visual.ln_post(pool.values)
        return whole, regions if visual.proj is None else regions @ visual.proj


class _LatentPool(nn.Module):
    """open_clip's attention pool, which keeps its values."""

    values: torch.Tensor

    def __init__(self, pool: Any) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.values = _values(self.pool.attn, self.pool.ln_k(x[:, 1:]))  # without the class token
        return self.pool(x)


def _values(attention: nn.MultiheadAttention, x: torch.Tensor) -> torch.Tensor:
    """The attention's output if each position attended to itself alone."""
    weight: Any = attention.v_proj_weight  # set if keys and queries differ in width
    width = attention.embed_dim
    if weight is None:
        weight = attention.in_proj_weight[-width:]
    bias = attention.in_proj_bias
    return attention.out_proj(F.linear(x, weight, None if bias is None else bias[-width:]))


# ------------------------------------------------------------------------------------ other towers
class _OfResNet:
    """Values of the attention pool, without positions, as in DenseCLIP and TaI-DPT."""

    def __init__(self, visual: Any) -> None:
        self.visual = visual
        side = round((len(visual.attnpool.positional_embedding) - 1) ** 0.5)
        self.grid = (side, side)

    def __call__(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        visual, pool = cast(Any, _shallow(self.visual)), self.visual.attnpool
        visual._modules["attnpool"] = nn.Identity()
        x = visual(batch)
        positions = x.flatten(2).transpose(1, 2)  # (n, height * width, channels)
        return pool(x), pool.c_proj(pool.v_proj(positions))


class _OfTimm:
    """Values of timm's attention pool and the MLP after it, for SigLIP's towers."""

    def __init__(self, visual: Any) -> None:
        self.visual = visual
        self.grid = tuple(visual.trunk.patch_embed.grid_size)

    def __call__(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        trunk, pool = self.visual.trunk, self.visual.trunk.attn_pool
        x = trunk.forward_features(batch)
        values = pool.proj(F.linear(x, *_second_half(pool.kv)))
        if pool.mlp is not None:
            values = values + pool.mlp(pool.norm(values))
        regions = trunk.head(trunk.head_drop(trunk.fc_norm(values)))
        return self.visual.head(trunk.forward_head(x)), self.visual.head(regions)


def _second_half(kv: nn.Linear) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The value weights from a layer that computes keys and values."""
    n = kv.out_features // 2
    return kv.weight[n:], None if kv.bias is None else kv.bias[n:]


def _has_map_pool(visual: Any) -> bool:
    """Whether a tower ends in an attention pool with one query, and has no class token."""
    try:
        from timm.layers.attention_pool import AttentionPoolLatent
        from timm.models.vision_transformer import VisionTransformer
    except ImportError:  # an old version of timm
        return False
    trunk = visual.trunk
    if not isinstance(trunk, VisionTransformer) or trunk.num_prefix_tokens:
        return False
    pool: Any = trunk.attn_pool
    return type(pool) is AttentionPoolLatent and pool.latent_len == 1 and pool.pos_embed is None
