"""Find out what a model name and its weights refer to."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path

from ..exceptions import wording
from ._presets import PRESETS

_MODELS_DIR = Path(__file__).parent / "models"
# Models inside this package, by name: folders in open_clip's "local-dir" layout.
BUNDLED = ("tai-tiny",)


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from: an architecture of open_clip, a folder, or a repository.

    The weights of an architecture come from a tag or a file, or are random if it has neither;
    folders and repositories contain their weights.
    """

    asked: str = field(compare=False)  # the caller's wording, for messages
    architecture: str | None = None
    tag: str | None = None
    file: Path | None = None
    folder: Path | None = None
    repo: str | None = None

    @property
    def is_published(self) -> bool:
        """Whether open_clip or this package publishes the model, rather than anybody else."""
        is_bundled = self.folder is not None and self.folder.parent == _MODELS_DIR
        return is_bundled or not (self.repo or self.folder or self.file)

    @property
    def instead(self) -> str:
        """Remedy for users without a network who have the files, as the end of a sentence."""
        if self.repo is not None:
            return wording(
                ", or set model_name to 'local-dir:FOLDER', a folder with its files",
                ", or give a folder with its files: --encoder local-dir:FOLDER",
                "--encoder",
            )
        return wording(
            f", or use OpenCLIPEncoder({self.architecture!r}, 'FILE') with a weights file",
            f", or give a weights file: --encoder {self.architecture} --pretrained FILE",
            "--pretrained",
        )


def find_source(model_name: str, pretrained: str | None) -> ModelSource:
    """Interpret a name and weights as given to :class:`~sklearn_tai.OpenCLIPEncoder`."""
    words = f"model_name={model_name!r}", f"--encoder {model_name!r}", "--encoder"
    asked = wording(*words) or f"the model {model_name!r}"
    own = _with_own_weights(asked, model_name)
    if own is not None:
        if pretrained != "auto":
            raise ValueError(
                f"{wording('pretrained=', '--pretrained ')}{pretrained!r} cannot be used: "
                f"{model_name!r} brings its own weights. Leave it at 'auto'."
            )
        return own
    return _of_open_clip(asked, model_name.replace("/", "-"), pretrained)  # for "ViT-B/16"


def _with_own_weights(asked: str, model_name: str) -> ModelSource | None:
    if model_name in PRESETS:
        preset = PRESETS[model_name]
        return ModelSource(asked, preset.model_name, preset.pretrained)
    if model_name in BUNDLED:
        return ModelSource(asked, folder=_MODELS_DIR / model_name)
    if model_name.startswith("local-dir:"):
        return ModelSource(asked, folder=Path(model_name.removeprefix("local-dir:")))
    if model_name.startswith("hf-hub:"):
        return ModelSource(asked, repo=model_name.removeprefix("hf-hub:"))
    return None


def _of_open_clip(asked: str, name: str, pretrained: str | None) -> ModelSource:
    import open_clip

    if name not in open_clip.list_models():
        names = [*PRESETS, *BUNDLED, *open_clip.list_models()]
        folded = {one.lower(): repr(one) for one in names}
        near = [folded[one] for one in difflib.get_close_matches(name.lower(), folded, 3, 0.4)]
        raise ValueError(
            f"{asked} is not a model of open_clip"
            + (f"; did you mean {' or '.join(near)}?" if near else ".")
            + f" Presets are {', '.join(PRESETS)}"
            + wording("; open_clip.list_models() lists the rest.", ".")
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained == "auto":
        if len(tags) != 1 and "openai" not in tags:
            raise ValueError(
                f"{name!r} has {'several' if tags else 'no'} published weights. Set "
                f"{wording('pretrained', '--pretrained')} to "
                + (f"one of {tags}, or to a file." if tags else "a weights file.")
            )
        return ModelSource(asked, name, tags[0] if len(tags) == 1 else "openai")
    if pretrained is None:
        return ModelSource(asked, name)
    asked += f"{wording(', pretrained=', ' --pretrained ')}{pretrained!r}"
    if open_clip.get_pretrained_cfg(name, pretrained):
        return ModelSource(asked, name, pretrained)
    if os.path.isfile(pretrained):
        return ModelSource(asked, name, file=Path(pretrained))
    near = difflib.get_close_matches(pretrained.lower(), tags, 1, 0.5)
    raise ValueError(
        f"{wording('pretrained=', '--pretrained ')}{pretrained!r} is neither a tag of {name!r} "
        f"nor a file; {f'did you mean {near[0]!r}? Its' if near else 'its'} tags are {tags}."
    )
