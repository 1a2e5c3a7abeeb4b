"""Models that commands train and keep."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exceptions import shown
from ._shell import count, note, shows_progress

if TYPE_CHECKING:
    from ..classifier import TextAsImageClassifier
    from ..corpus import Vocabulary


def resolved(encoder: str, pretrained: str) -> tuple[str, str]:
    """The same with absolute paths, as the model may be used from another folder."""
    from ..encoders import find_source

    source = find_source(encoder, pretrained)
    if source.file is not None:
        pretrained = str(source.file.resolve())
    elif encoder.startswith("local-dir:") and source.folder is not None:
        encoder = f"local-dir:{source.folder.resolve()}"
    return encoder, pretrained


def keep(clf: TextAsImageClassifier, folder: Path) -> None:
    """Save a classifier, without settings of this run or machine."""
    from ..deploy import save_classifier

    for part in (clf.encoder_, clf.adapter_):
        own = part.get_params()
        part.set_params(**{k: v for k, v in (("device", None), ("verbose", 0)) if k in own})
    save_classifier(clf, folder)


def model_of(
    vocabulary: Vocabulary, encoder: str, pretrained: str, device: str | None, quiet: bool
) -> Path:
    """The folder of a model for these labels, which is trained on first use.

    `encoder` and `pretrained` are as returned by :func:`resolved`.
    """
    from .. import (
        KernelAdapter,
        OpenCLIPEncoder,
        PromptCorpusGenerator,
        TextAsImageClassifier,
        __version__,
    )

    known = json.dumps([vocabulary.to_dict(), encoder, pretrained, __version__])
    name = hashlib.sha256(known.encode()).hexdigest()[:16]
    folder = Path(click.get_app_dir("sklearn-tai"), "models", name)
    if (folder / "config.json").is_file():
        note(f"Using the model in {folder}.", quiet)
        return folder
    texts, Y = PromptCorpusGenerator(random_state=0).generate(vocabulary)
    labels = ", ".join(shown(label) for label in [*vocabulary][:5])
    note(
        f"Learning {count(len(vocabulary), 'label')} ({labels}{', ...' * (len(vocabulary) > 5)}) "
        f"from {len(texts):,} texts.",
        quiet,
    )
    verbose = int(shows_progress(quiet))
    clf = TextAsImageClassifier(
        OpenCLIPEncoder(encoder, pretrained, device=device, verbose=verbose),
        adapter=KernelAdapter(device=device),
    ).fit(texts, Y)
    note(f"Keeping the model in {folder}.", quiet)
    keep(clf, folder)
    return folder
