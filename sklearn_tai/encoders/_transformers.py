"""An encoder for CLIP and SigLIP models of Hugging Face's transformers."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from numbers import Integral
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from PIL import Image
from torch import nn

from .._sklearn_compat import Interval, StrOptions
from ..exceptions import WeightsError, install_command, shown
from ..inputs import check_device
from ._base import BaseEncoder
from ._loaded import DTYPES, LoadedModel

_lock = Lock()


class TransformersEncoder(BaseEncoder):
    """Embed texts and images with a frozen CLIP or SigLIP model of transformers.

    For models that open_clip lacks. Weights are loaded in the first :meth:`transform`, once
    per process for all clones, and are never pickled. Code in a model's repository is never
    run.

    Parameters
    ----------
    model_name : str
        A repository on the Hugging Face hub or a folder written by ``save_pretrained``,
        with a model that has ``get_text_features`` and ``get_image_features``.
    device : str or None, default=None
        "cpu", "cuda", ...; None for a GPU if there is one.
    batch_size : int, default=64
        Items encoded at once.
    normalize : bool, default=False
        Whether to scale embeddings to unit length.
    precision : {"fp32", "bf16", "fp16"}, default="fp32"
        Number format of the model. Embeddings are returned as float32 either way.
    cache : "memory", str, Path or None, default="memory"
        As in :class:`~sklearn_tai.OpenCLIPEncoder`.
    on_error : {"raise", "nan"}, default="raise"
        What happens with an image that cannot be read: "raise" stops with an error; "nan"
        gives it an embedding of NaN, and a warning at the end says what was wrong.
    verbose : int, default=0
        0 is silent, 1 shows progress bars.

    See Also
    --------
    OpenCLIPEncoder : Models of open_clip, faster on texts.

    Examples
    --------
    >>> from sklearn_tai import TextAsImageClassifier
    >>> from sklearn_tai.encoders import TransformersEncoder
    >>> encoder = TransformersEncoder("google/siglip2-base-patch16-224")
    >>> TextAsImageClassifier(encoder).fit(texts, Y)  # doctest: +SKIP
    """

    _parameter_constraints = {
        "model_name": [str],
        "device": [str, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "normalize": ["boolean"],
        "precision": [StrOptions({"fp32", "bf16", "fp16"})],
        "cache": [str, Path, None],
        "on_error": [StrOptions({"raise", "nan"})],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model_name: str,
        *,
        device: str | None = None,
        batch_size: int = 64,
        normalize: bool = False,
        precision: str = "fp32",
        cache: str | Path | None = "memory",
        on_error: str = "raise",
        verbose: int = 0,
    ) -> None:
        self.model_name = model_name
        self.device = device
        self.batch_size = batch_size
        self.normalize = normalize
        self.precision = precision
        self.cache = cache
        self.on_error = on_error
        self.verbose = verbose

    def _load(self) -> LoadedModel:
        device = check_device(self.device)
        with _lock:
            return _load(self.model_name, device, self.precision)


class _Towers(nn.Module):
    """A model of transformers with open_clip's method names."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embeddings of tokens."""
        return self.model.get_text_features(input_ids=tokens).pooler_output

    def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings of preprocessed pictures."""
        return self.model.get_image_features(pixel_values=pixels).pooler_output


class _Preprocess:
    """Turns a picture into the model's input."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def __call__(self, picture: Image.Image) -> torch.Tensor:
        return self.processor(images=picture, return_tensors="pt")["pixel_values"][0]

    @property
    def side(self) -> int | None:
        """Side that pictures are resized to, in pixels; None if they keep their size."""
        size = self.processor.size if self.processor.do_resize else None
        return max(dict(size).values()) if size else None

    def __repr__(self) -> str:
        return self.processor.to_json_string()


@lru_cache(maxsize=4)
def _load(model_name: str, device: str, precision: str) -> LoadedModel:
    if not find_spec("transformers"):
        raise WeightsError(
            f"TransformersEncoder needs transformers: {install_command('transformers')}"
        )
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    dtype, own = DTYPES[precision], {"trust_remote_code": False}
    try:
        model = AutoModel.from_pretrained(model_name, dtype=dtype, **own)
        tokenizer = AutoTokenizer.from_pretrained(model_name, **own)
        preprocess = _Preprocess(AutoImageProcessor.from_pretrained(model_name, **own))
        n_positions = model.config.text_config.max_position_embeddings
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        raise WeightsError(
            f"The model {model_name!r} cannot be loaded ({type(error).__name__}: "
            f"{shown(error)}). Give a CLIP or SigLIP model from the Hugging Face hub, "
            "or its folder."
        ) from error

    def tokenize(texts: list[str]) -> torch.Tensor:
        return tokenizer(
            texts,
            padding="max_length",
            truncation=True,
            max_length=n_positions,
            return_tensors="pt",
        ).input_ids

    towers = _Towers(model).eval().requires_grad_(False).to(device)
    return LoadedModel(
        towers, preprocess, tokenize, torch.device(device), dtype, side=preprocess.side
    )
