"""Label images batch by batch."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import numpy as np

from ..deploy import find_pictures, load_classifier
from ..exceptions import ImageReadError
from ..inputs import IMAGE_SUFFIXES, check_device, first_of_exclusive, was_read
from ._formats import Tagged


class Tagger:
    """A model that `fit` wrote, and the images it could not read.

    Parameters
    ----------
    folder : Path
        The model.
    top, threshold : int and float, or None
        Which labels to keep: this many, and those above it; "auto" for the model's threshold.
    batch_size : int
        Images encoded at once.
    device : str or None
        Where they are encoded; None for a GPU if there is one.
    trusted : tuple of str
        As in :func:`~sklearn_tai.deploy.load_classifier`.
    """

    def __init__(
        self,
        folder: Path,
        top: int | None,
        threshold: float | str | None,
        batch_size: int,
        device: str | None,
        trusted: tuple[str, ...],
    ) -> None:
        self._clf = load_classifier(folder, trusted=trusted)
        if threshold == "auto":
            threshold = self._clf.threshold_
        # a cache would fill memory with embeddings that are never needed again
        self._clf.encoder_.set_params(
            batch_size=batch_size,
            cache=None,
            device=check_device(device),
            on_error="nan",
            verbose=0,
        )
        self._labels = np.array(list(map(str, self._clf.classes_)), dtype=object)
        self._top, self._threshold = top, threshold
        self.errors: list[ImageReadError] = []

    def tag(self, paths: Iterable[Path]) -> Iterator[tuple[int, list[Tagged]]]:
        """The number of images processed, and those of them that could be read."""
        waiting: dict[int, Path] = {}

        def feed() -> Iterator[Path]:
            for i, path in enumerate(paths):
                waiting[i] = path
                yield path

        for rows, proba in self._clf.iter_predict_proba(feed(), self.errors):
            batch = [waiting.pop(i) for i in rows.tolist()]
            read = np.flatnonzero(was_read(proba))
            held = first_of_exclusive(proba, self._clf.vocabulary_, self._clf.classes_)
            yield len(batch), [self._choose(batch[k], held[k]) for k in read]

    def _choose(self, path: Path, proba: np.ndarray) -> Tagged:
        order = np.argsort(-proba, kind="stable")[: self._top]
        order = order[proba[order] > (-np.inf if self._threshold is None else self._threshold)]
        return Tagged(str(path), self._labels[order].tolist(), proba[order].tolist())


def list_pictures(
    given: Iterable[str], end: bytes = b"\n", left_out: Counter[str] | None = None
) -> Iterator[Path]:
    """Files, and the images in folders, in a fixed order; "-" reads more paths from stdin.

    Paths in stdin end with `end`. `left_out` counts files of other kinds by their suffix.
    """
    for name in _names(given, end):
        if os.path.isdir(name):
            yield from find_pictures(name, left_out)
        else:
            yield Path(name)


def _names(given: Iterable[str], end: bytes) -> Iterator[str]:
    for name in given:
        if name != "-":
            yield name
        elif end == b"\n":
            for line in sys.stdin.buffer:
                if path := line.rstrip(b"\r\n"):
                    yield os.fsdecode(path)
        else:
            yield from map(os.fsdecode, filter(None, sys.stdin.buffer.read().split(end)))


def no_pictures(given: Iterable[str]) -> str:
    """The message if there is nothing to tag."""
    where = ", ".join("standard input" if name == "-" else repr(name) for name in given)
    return f"There are no images in {where}; their names end in one of {' '.join(IMAGE_SUFFIXES)}."


def check_model(model: Path) -> Path:
    """A model's config file; refuses a folder that `fit` did not write."""
    config = model / "config.json"
    if not config.is_file():
        raise click.UsageError(
            f"{str(model)!r} is not a model (it has no {config.name}); make one with "
            "sklearn-tai fit."
        )
    return config


def labels_of(model: Path) -> list[str]:
    """The labels of a model."""
    return list(map(str, json.loads(check_model(model).read_text(encoding="utf-8"))["classes"]))


def fingerprint(model: Path) -> str:
    """Identifies a model: a hash of its config file, which contains that of the weights."""
    return hashlib.sha256(check_model(model).read_bytes()).hexdigest()[:16]
