"""Load open_clip models once per process, and explain what goes wrong."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from ..exceptions import WeightsError, install_command, shown
from ..inputs import check_device
from ._activation import choose_activation, has_choice, is_torchscript, tag_of_file, tag_of_repo
from ._hub import cannot_load, hub_file, hub_repo
from ._layout import fast_layout
from ._loaded import DTYPES, LoadedModel
from ._resolution import resized_preprocess, square_side
from ._source import ModelSource

_lock = Lock()


@dataclass(frozen=True)
class ModelRequest:
    """A model and how to run it. Equal requests share one copy of the weights."""

    source: ModelSource
    quick_gelu: bool | None = None
    device: str | None = None
    precision: str = "fp32"
    image_size: int | None = None
    resize_mode: str | None = None
    verbose: int = field(default=0, compare=False)


@dataclass
class _Parts:
    """The parts of a model: settings, weights, and open_clip's settings of their tag."""

    settings: dict[str, Any]
    file: Path | None = None
    folder: Path | None = None
    tag: dict[str, Any] = field(default_factory=dict)


def load_model(request: ModelRequest) -> LoadedModel:
    """The model, shared by all encoders of this process that request the same one."""
    request = replace(request, device=check_device(request.device))
    with _lock:  # so that simultaneous requests load the model once
        return _load(request)


def read_settings(folder: Path, asked: str) -> dict[str, Any]:
    """The "model_cfg" of a folder in open_clip's "local-dir" layout."""
    file = folder / "open_clip_config.json"
    remedy = "Give the path of one that holds open_clip_config.json and the weights."
    if hub_repo(folder) is not None:  # a link: name its file, or it would be linked again
        remedy = f"Delete {str(file.resolve())!r}, and it is downloaded again."
    if not folder.is_dir():
        raise WeightsError(f"{cannot_load(asked)} there is no folder {str(folder)!r}. {remedy}")
    try:
        return json.loads(file.read_text(encoding="utf-8"))["model_cfg"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(
            f"{cannot_load(asked)} {str(file)!r} cannot be read as settings of open_clip "
            f"({type(error).__name__}: {error}). {remedy}"
        ) from error


@lru_cache(maxsize=4)
def _load(request: ModelRequest) -> LoadedModel:
    source = request.source
    parts = _find_parts(source, request.verbose)
    quick_gelu, remark = choose_activation(
        request.quick_gelu, parts.settings, parts.tag, source.architecture, source.file
    )
    assert request.device is not None  # set by load_model
    try:
        with _silent():
            model = _build(source, parts, quick_gelu, request.precision, request.device)
            tokenize = _tokenizer(source, parts)
    except (MemoryError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:
        raise _unreadable(source, parts, error) from error
    if remark and has_choice(model):
        warnings.warn(remark, UserWarning, stacklevel=2)
    preprocess = resized_preprocess(model, request.image_size, request.resize_mode)
    model = fast_layout(model.eval().requires_grad_(False))
    dtype = DTYPES[request.precision]
    seen = model.visual.preprocess_cfg
    return LoadedModel(
        model,
        preprocess,
        tokenize,
        torch.device(request.device),
        dtype,
        seen["resize_mode"],
        square_side(seen["size"]),
    )


def _find_parts(source: ModelSource, verbose: int) -> _Parts:
    """Settings and weights, downloaded if needed."""
    import open_clip
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    asked, repo, folder = source.asked, source.repo, source.folder
    weights = (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
    if folder is not None:
        parts = _Parts(read_settings(folder, asked), folder=folder)
        parts.tag = tag_of_repo(hub_repo(folder))
    elif repo is not None:
        file = hub_file(source, repo, weights, verbose=verbose)
        commit = file.parent.name  # settings of the same commit, so that they share its folder
        hub_file(source, repo, ["open_clip_config.json"], revision=commit, verbose=verbose)
        parts = _Parts(read_settings(file.parent, asked), file, file.parent)
        parts.tag = tag_of_repo(repo)
    else:
        assert source.architecture is not None
        parts = _Parts(open_clip.get_model_config(source.architecture), source.file)
        if source.file is not None:
            parts.tag = tag_of_file(source.architecture, source.file)
    text = parts.settings.get("text_cfg", {})
    if (text.get("hf_tokenizer_name") or text.get("hf_model_name")) and not find_spec(
        "transformers"
    ):
        raise WeightsError(
            f"{cannot_load(asked)} its texts need transformers: {install_command('transformers')}"
        )
    if name := text.get("hf_model_name"):
        _check_no_code(name, asked)
    if source.tag is not None:  # last, as it may be a long download
        parts.tag = open_clip.get_pretrained_cfg(source.architecture, source.tag)
        repo, _, name = parts.tag["hf_hub"].rpartition("/")
        parts.file = hub_file(source, repo, [name] if name else weights, verbose=verbose)
    if text.get("hf_tokenizer_name") and source.folder is None:
        # transformers would download it too, but explains errors less well
        names = ["tokenizer_config.json", "tokenizer.json", "config.json"]
        hub_file(source, text["hf_tokenizer_name"], names, verbose=verbose)
    return parts


def _check_no_code(name: str, asked: str) -> None:
    """Refuse a text tower that comes with code, which open_clip would ask the user to run."""
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{cannot_load(asked)} its text tower {name!r} cannot be used ({shown(error)}). "
            "Take another model."
        ) from error


def _build(
    source: ModelSource, parts: _Parts, quick_gelu: bool, precision: str, device: str
) -> Any:
    import open_clip

    file = None if parts.folder else parts.file
    scripted = file is not None and is_torchscript(file)
    # seeded, so that a model without weights gets the same random ones each time
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model(
            source.architecture or f"local-dir:{parts.folder}",
            None if file is None or scripted else str(file),
            precision=precision,
            device=device,
            quick_gelu=quick_gelu,
            force_preprocess_cfg={} if parts.folder else parts.tag,
            require_pretrained=parts.folder is not None,
        )
    if scripted:  # only by torch.jit: a file that merely looks like TorchScript may be a pickle
        assert file is not None
        state = torch.jit.load(file, map_location="cpu").state_dict()
        sizes = ("input_resolution", "context_length", "vocab_size")
        model.load_state_dict({k: v for k, v in state.items() if k not in sizes})
    return model


def _tokenizer(source: ModelSource, parts: _Parts) -> Callable[[list[str]], torch.Tensor]:
    import open_clip
    from open_clip.tokenizer import HFTokenizer

    text = parts.settings.get("text_cfg", {})
    if name := text.get("hf_tokenizer_name"):
        return HFTokenizer(
            name if source.folder is None else str(source.folder),
            context_length=text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH),
            tokenizer_mode=text.get("tokenizer_mode"),
            # never run a tokenizer's code
            **{**text.get("tokenizer_kwargs", {}), "trust_remote_code": False},
        )
    bpe = parts.folder / "bpe.txt.gz" if parts.folder else None
    vocabulary = {"bpe_path": str(bpe)} if bpe is not None and bpe.is_file() else {}
    return open_clip.get_tokenizer(
        source.architecture or f"local-dir:{parts.folder}", **vocabulary
    )


@contextmanager
def _silent() -> Iterator[None]:
    """Silence open_clip's log and warnings; what matters is raised as an error."""
    root, handler = logging.getLogger(), logging.NullHandler()
    level = root.level
    root.addHandler(handler)  # without one, the first message would install a handler that prints
    root.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _unreadable(source: ModelSource, parts: _Parts, error: Exception) -> WeightsError:
    """An error about files that exist but cannot be used."""
    what = str(parts.file or parts.folder or source.architecture)
    if source.file is not None:
        remedy = f" Check that the file is complete and belongs to {source.architecture!r}."
    elif source.folder is not None:
        remedy = " Check that the folder is complete."
    elif parts.file is not None:
        remedy = f" Delete {str(parts.file.resolve())!r}, and it will be downloaded again."
    else:
        remedy = ""
    return WeightsError(
        f"{cannot_load(source.asked)} {what!r} cannot be used ({type(error).__name__}: "
        f"{shown(error)}).{remedy}"
    )
