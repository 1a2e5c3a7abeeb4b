"""Find the activation that weights were trained with: GELU, or OpenAI's QuickGELU.

The wrong one makes embeddings slightly wrong, and open_clip only warns: its
``create_model("ViT-B-16", "openai")`` runs OpenAI's weights with GELU.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from ..exceptions import wording
from ._hub import hub_repo

_SUFFIX = "-quickgelu"  # of architectures that differ only in the activation


def choose_activation(
    asked: bool | None,
    settings: dict[str, Any],
    tag: dict[str, Any],
    architecture: str | None,
    file: Path | None,
) -> tuple[bool, str | None]:
    """Whether a model should use QuickGELU, and what to tell the user about it.

    Parameters
    ----------
    asked : bool or None
        What the user set.
    settings : dict
        open_clip's settings of the model.
    tag : dict
        open_clip's settings of the weights' tag; {} if they have none.
    architecture : str or None
        Its name in open_clip; None if the settings came with the weights.
    file : Path or None
        The weights, if the user gave a file.
    """
    trained = _trained_with(settings, tag, architecture, file)
    if asked is None and architecture is not None and architecture.endswith(_SUFFIX):
        asked = True
    if asked is None:
        if trained is not None:
            return trained, None
        assumed = bool(settings.get("quick_gelu"))
        return assumed, (
            f"It is not known which activation the weights in {str(file)!r} were trained with; "
            f"{_name(assumed)} is assumed. OpenAI's weights and some others need QuickGELU. "
            + wording("Set quick_gelu to True or False.", "Give --quick-gelu or --gelu.", "--gelu")
        )
    if trained is not None and trained != asked:
        return asked, (
            f"The weights were trained with {_name(trained)}, but {_name(asked)} is requested, "
            "which makes embeddings worse."
        )
    return asked, None


def _trained_with(
    settings: dict[str, Any], tag: dict[str, Any], architecture: str | None, file: Path | None
) -> bool | None:
    """Whether the weights were trained with QuickGELU; None if unknown."""
    configured = bool(settings.get("quick_gelu"))
    if tag:
        # the tags of roberta-ViT-B-32 lack it; only its settings have it
        named = architecture is not None and architecture.endswith(_SUFFIX)
        return bool(tag.get("quick_gelu")) or (configured and not named)
    if architecture is None or file is None:
        return configured
    if is_torchscript(file):
        return _torchscript_has_quick_gelu(file)
    published = {bool(one.get("quick_gelu")) for one in _tags(architecture).values()}
    return configured if published == {configured} else None


def _name(quick_gelu: bool) -> str:
    return "QuickGELU" if quick_gelu else "GELU"


def _tags(architecture: str) -> dict[str, dict[str, Any]]:
    """open_clip's tags of an architecture, with either activation, and their settings."""
    import open_clip

    base = architecture.removesuffix(_SUFFIX)
    return {
        tag: open_clip.get_pretrained_cfg(name, tag)
        for name in (base, base + _SUFFIX)
        for tag in open_clip.list_pretrained_tags_by_model(name)
    }


def tag_of_file(architecture: str, file: Path) -> dict[str, Any]:
    """open_clip's settings of the tag that a weights file belongs to; {} if unknown.

    A file belongs to a tag if it has the authors' name ("ViT-B-16.pt" is OpenAI's), the name of
    the tag, perhaps after the architecture ("openai.pt", "ViT-B-16-openai.pt"), or if it is in
    the tag's repository in the hub's cache.
    """
    base = architecture.removesuffix(_SUFFIX)
    repo, stem = hub_repo(file), _clean(file.stem)
    for tag, settings in _tags(architecture).items():
        names = [tag, f"{base}-{tag}", f"{base}{_SUFFIX}-{tag}", Path(settings["url"]).stem]
        if repo == _repo(settings) or stem in map(_clean, names):
            return settings
    return {}


def tag_of_repo(repo: str | None) -> dict[str, Any]:
    """open_clip's settings of the tag whose weights are in a repository; {} if there is none."""
    import open_clip

    tags = (open_clip.get_pretrained_cfg(*pair) for pair in open_clip.list_pretrained())
    return next((settings for settings in tags if _repo(settings) == repo), {})


def _repo(settings: dict[str, Any]) -> str:
    """ "org/name" from "org/name/" or "org/name/file"."""
    return settings["hf_hub"].rpartition("/")[0]


def _clean(name: str) -> str:
    return name.lower().replace("-", "_").replace("/", "_")


def is_torchscript(file: Path) -> bool:
    """Whether a file is a TorchScript archive, like OpenAI's own weights."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        # torch recognises TorchScript by this name too
        return any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist())


def _torchscript_has_quick_gelu(file: Path) -> bool:
    """Whether the code in a TorchScript archive names the class; it is read, not run."""
    with zipfile.ZipFile(file) as archive:
        code = (archive.read(name) for name in archive.namelist() if name.endswith(".py"))
        return any(b"QuickGELU" in text for text in code)


def has_choice(model: Any) -> bool:
    """Whether a model has open_clip's own blocks, which support both activations."""
    from open_clip.transformer import ResidualAttentionBlock

    return any(isinstance(module, ResidualAttentionBlock) for module in model.modules())
