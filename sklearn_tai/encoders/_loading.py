"""Load open_clip models once per process and explain what goes wrong."""

from __future__ import annotations

import difflib
import hashlib
import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from ._layout import fast_layout
from ._resolution import resized_preprocess
from ._text import can_be_cut

_MODELS_DIR = Path(__file__).parent / "models"
# Models inside this package, by name: folders in open_clip's "local-dir" layout.
BUNDLED = ("tai-tiny",)
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_lock = Lock()
# Dimension of the embeddings of the models that were used, by model_name.
WIDTHS: dict[str, int] = {}


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
        """Hash of the weights and the preprocessing, for cache keys."""
        # functions are shown with their addresses, which differ from process to process
        steps = re.sub(r" at 0x[0-9a-f]+", "", repr(self.preprocess))
        digest = hashlib.sha256(steps.encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.hexdigest()


def resolve_name(model_name: str) -> str:
    """The open_clip name of a model: bundled ones become a local folder."""
    return f"local-dir:{_MODELS_DIR / model_name}" if model_name in BUNDLED else model_name


def check_model(model_name: str, pretrained: str | None) -> None:
    """Refuse unknown names before anything is loaded, with the nearest known ones."""
    import open_clip

    if ":" in resolve_name(model_name):
        return  # hf-hub: and local-dir: bring their own weights
    known = [*BUNDLED, *open_clip.list_models()]
    if model_name.replace("/", "-") not in known:
        near = difflib.get_close_matches(model_name, known, 3, 0.4)
        raise ValueError(
            f"model_name={model_name!r} is not a model of open_clip"
            + (f"; did you mean {' or '.join(map(repr, near))}?" if near else ".")
            + " open_clip.list_models() lists them all."
        )
    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if pretrained is not None and pretrained not in tags and not Path(pretrained).is_file():
        raise ValueError(
            f"pretrained={pretrained!r} is neither a tag of {model_name!r} nor a file; its tags "
            f"are {tags}."
        )


def load_model(
    model_name: str,
    pretrained: str | None,
    device: str | None,
    precision: str = "fp32",
    image_size: int | None = None,
    resize_mode: str | None = None,
) -> LoadedModel:
    """The model, shared by all encoders of this process that ask for the same one."""
    check_model(model_name, pretrained)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    with _lock:  # threads that ask at the same time load it once
        return _load(model_name, pretrained, device, precision, image_size, resize_mode)


@lru_cache(maxsize=4)
def _load(
    model_name: str,
    pretrained: str | None,
    device: str,
    precision: str,
    image_size: int | None,
    resize_mode: str | None,
) -> LoadedModel:
    import open_clip

    name = resolve_name(model_name)
    if ":" in name:
        pretrained = None
    root = logging.getLogger()
    level = root.level
    try:
        root.setLevel(logging.CRITICAL)  # open_clip logs what we raise
        # A seed, so that pretrained=None means the same random weights each time.
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = open_clip.create_model(
                name,
                pretrained,
                precision=precision,
                device=device,
                require_pretrained=":" in name,
            )
        bpe = Path(name.removeprefix("local-dir:")) / "bpe.txt.gz"
        own_vocabulary = {"bpe_path": str(bpe)} if bpe.is_file() else {}
        tokenize = open_clip.get_tokenizer(name, **own_vocabulary)
    except Exception as error:
        cause = str(error).strip().split("\n")[0]
        raise OSError(
            f"The weights of model_name={model_name!r}, pretrained={pretrained!r} could not be "
            f"loaded: {type(error).__name__}: {cause}. They are not in the local cache and could "
            "not be downloaded. Connect to the network once (and unset HF_HUB_OFFLINE) to fill "
            "the cache, give the path of a downloaded weights file as pretrained, or use "
            f"OpenCLIPEncoder({BUNDLED[0]!r}), the small model inside this package."
        ) from error
    finally:
        root.setLevel(level)
    preprocess = resized_preprocess(model, image_size, resize_mode)
    model = fast_layout(model.eval().requires_grad_(False))
    return LoadedModel(model, preprocess, tokenize, torch.device(device), _DTYPES[precision])
