"""A frozen model in memory, with what an encoder needs besides."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from .. import __version__
from ._regions import RegionTower, has_regions
from ._text import can_be_cut

# tells tokenizers apart: capitals, accents, spaces, scripts, symbols, and excess length
_PROBE = "Two DOGS  \u2014 caf\u00e9, \u732b \u0441\u043e\u0431 #1 &amp; it's <b> " * 40
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class LoadedModel:
    """A frozen CLIP model with its tokenizer and image preprocessing."""

    model: Any
    preprocess: Callable[[Any], torch.Tensor]
    tokenize: Callable[[list[str]], torch.Tensor]
    device: torch.device
    dtype: torch.dtype
    resize_mode: str = "squash"  # how pictures become squares, in open_clip's terms
    side: int | None = None  # of these squares in pixels; None if unknown
    # identifies this copy of the weights within the process
    uid: str = field(default_factory=lambda: uuid.uuid4().hex)

    @cached_property
    def text_can_be_cut(self) -> bool:
        """Whether texts may use fewer positions; see :func:`._text.can_be_cut`."""
        return can_be_cut(self.model)

    @cached_property
    def region_tower(self) -> RegionTower | None:
        """The tower that also embeds regions; None if the model has none."""
        return RegionTower(self.model) if has_regions(self.model) else None

    def image_tower(self, regions: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        """The function that embeds pictures, with regions if requested."""
        if not regions:
            return self.model.encode_image
        if self.region_tower is not None:
            return self.region_tower.encode_image
        return lambda batch: self.model.encode_image(batch)[:, None]

    def frame(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Edges of the part of a picture that the model sees, in the picture's pixels."""
        if self.resize_mode == "squash":
            return 0, 0, width, height
        side = max(width, height) if self.resize_mode == "longest" else min(width, height)
        left, upper = (width - side) / 2, (height - side) / 2
        return left, upper, left + side, upper + side

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that affects embeddings, as a key for caches on disk.

        This includes the weights, the layers with their settings, some of which are not in the
        weights (activations, numbers of heads, poolings), the tokenizer's output for a sample
        text, the preprocessing, and the version of this package.
        """
        # a function's repr contains its address, which differs between processes
        shown = re.sub(r" at 0x[0-9a-f]+", "", f"{self.preprocess!r} {self.model!r}")
        digest = hashlib.sha256(f"{__version__} {self.resize_mode} {self.side} {shown}".encode())
        for name, module in self.model.named_modules():
            own = {k: v for k, v in vars(module).items() if isinstance(v, (int, float, str))}
            own.pop("name_or_path", None)  # the model's path
            digest.update(f"{name} {sorted(own.items())}".encode())
        tensors = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        tensors["tokens"] = self.tokenize([_PROBE])
        for name, tensor in sorted(tensors.items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.hexdigest()
