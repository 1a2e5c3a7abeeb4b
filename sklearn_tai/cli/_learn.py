"""A model for labels, trained when it is first asked for and kept for the next time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exceptions import shown
from ._shell import count, note, shows_progress

if TYPE_CHECKING:
    from ..corpus import Vocabulary


def model_of(
    vocabulary: Vocabulary, encoder: str, pretrained: str, device: str | None, quiet: bool
) -> Path:
    """The folder of a model that knows these labels."""
    from .. import (
        KernelAdapter,
        OpenCLIPEncoder,
        PromptCorpusGenerator,
        TextAsImageClassifier,
        __version__,
    )
    from ..deploy import save_classifier

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
    clf.encoder_.set_params(device=None, verbose=0)
    clf.adapter_.set_params(device=None)
    note(f"Keeping the model in {folder}.", quiet)
    return save_classifier(clf, folder)
