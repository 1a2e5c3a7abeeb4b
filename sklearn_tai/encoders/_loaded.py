"""A frozen model in memory, and what an encoder needs beside it."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from ._text import can_be_cut

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class LoadedModel:
    """A frozen CLIP model with its tokenizer and image preprocessing."""

    model: Any
    preprocess: Callable[[Any], torch.Tensor]
    tokenize: Callable[[list[str]], torch.Tensor]
    device: torch.device
    dtype: torch.dtype
    # names this copy of the weights within the process
    uid: str = field(default_factory=lambda: uuid.uuid4().hex)

    @cached_property
    def text_can_be_cut(self) -> bool:
        """Whether texts may run on fewer positions; see :func:`._text.can_be_cut`."""
        return can_be_cut(self.model)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights, layers (with their activations) and preprocessing, for cache keys."""
        # functions are shown with their addresses, which differ from process to process
        shown = re.sub(r" at 0x[0-9a-f]+", "", f"{self.preprocess!r} {self.model!r}")
        digest = hashlib.sha256(shown.encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.hexdigest()
