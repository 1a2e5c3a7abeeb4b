"""Run an image tower at another picture size than it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def resized_preprocess(
    model: Any, image_size: int | None, resize_mode: str | None
) -> Callable[[Any], torch.Tensor]:
    """Preprocessing for pictures of `image_size`; fits the model's positions to that size.

    The model and its preprocessing settings are changed in place, unless size and mode are
    None or its own.
    """
    from open_clip import set_model_preprocess_cfg
    from open_clip.transform import PreprocessCfg, image_transform_v2

    settings = dict(model.visual.preprocess_cfg)
    if image_size is not None and image_size != square_side(settings["size"]):
        _resize_positions(model.visual, image_size, square_side(settings["size"]))
        settings["size"] = (image_size, image_size)
    if resize_mode is not None:
        settings["resize_mode"] = resize_mode
    set_model_preprocess_cfg(model, settings)
    return image_transform_v2(PreprocessCfg(**settings), is_train=False)


def square_side(size: Any) -> int:
    """Side of the square that a picture becomes, or is cropped to, in pixels."""
    return size if isinstance(size, int) else max(size)


def _resize_positions(visual: Any, image_size: int, old_size: int) -> None:
    """Interpolate the positional embeddings of a transformer or a ResNet's attention pool."""
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.transformer import VisionTransformer

    if isinstance(visual, ModifiedResNet):
        holder = visual.attnpool
    elif isinstance(visual, VisionTransformer) and isinstance(
        visual.positional_embedding, nn.Parameter
    ):
        holder = visual
    else:
        raise ValueError(
            f"image_size={image_size} cannot be set for an image tower of type "
            f"{type(visual).__name__}: only those of CLIP's ResNets and vision transformers can "
            f"be changed. Leave image_size at None; this one takes {old_size}."
        )
    positions = holder.positional_embedding
    old_side = round((len(positions) - 1) ** 0.5)  # the first position is the whole picture's
    cell = old_size // old_side
    if image_size % cell:
        raise ValueError(
            f"image_size={image_size} must be a multiple of {cell}, the size of the cells that "
            f"this model divides images into; try {max(1, round(image_size / cell)) * cell}."
        )
    side = image_size // cell
    resized = interpolate_positions(positions.detach(), side)
    holder.positional_embedding = nn.Parameter(resized, requires_grad=False)
    if holder is visual:
        visual.grid_size, visual.image_size = (side, side), (image_size, image_size)
    else:
        visual.image_size = image_size


def interpolate_positions(positions: torch.Tensor, side: int) -> torch.Tensor:
    """Positions of a square grid, resized to `side` x `side` by bicubic interpolation.

    The first row, which is for the whole picture, stays. open_clip does the same for
    transformers, but not for ResNets.
    """
    old_side = round((len(positions) - 1) ** 0.5)
    grid = positions[1:].float().T.reshape(1, -1, old_side, old_side)
    grid = F.interpolate(
        grid, size=(side, side), mode="bicubic", antialias=True, align_corners=False
    )
    return torch.cat([positions[:1], grid[0].flatten(1).T.to(positions.dtype)])
