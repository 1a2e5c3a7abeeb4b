"""Label pictures chunk by chunk, in the memory of one chunk."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import numpy as np

from .._device import check_device
from ..deploy import find_pictures, load_classifier
from ..encoders import BaseEncoder
from ..inputs import IMAGE_SUFFIXES, open_image
from ._formats import Tagged


class Tagger:
    """A model that `fit` wrote, and the pictures it could not read.

    Parameters
    ----------
    folder : Path
        The model.
    top, threshold : int and float, or None
        Which labels are kept: so many, and those above.
    batch_size : int
        Pictures encoded at once; a chunk is 16 batches.
    device : str or None
        Where they are encoded; None for a GPU if there is one.
    """

    def __init__(
        self,
        folder: Path,
        top: int | None,
        threshold: float | None,
        batch_size: int,
        device: str | None,
    ) -> None:
        self._clf = load_classifier(folder)
        self._encoder: BaseEncoder = self._clf.encoder_
        # a cache would fill memory with embeddings that are never asked for again
        self._encoder.set_params(
            batch_size=batch_size,
            cache=None,
            device=check_device(device),
            on_error="nan",
            verbose=0,
        )
        self._labels = np.array(list(map(str, self._clf.classes_)), dtype=object)
        self._top, self._threshold = top, threshold
        self.failures: list[str] = []

    def tag(self, paths: Iterable[Path]) -> Iterator[tuple[int, list[Tagged]]]:
        """How many pictures were worked on, and those of them that could be read."""
        waiting: deque[Path] = deque()

        def feed() -> Iterator[Path]:
            for path in paths:
                waiting.append(path)
                yield path

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "[0-9]+ images could not be read")
            for embeddings in self._encoder.iter_transform(feed()):
                chunk = [waiting.popleft() for _ in embeddings]
                read = ~np.isnan(embeddings).any(axis=1)
                self.failures += [_fault(p) for p, ok in zip(chunk, read) if not ok]
                tagged = []
                if read.any():
                    proba = self._clf.predict_proba(embeddings[read])
                    good = [path for path, ok in zip(chunk, read) if ok]
                    tagged = list(map(self._choose, good, proba))
                yield len(chunk), tagged

    def _choose(self, path: Path, proba: np.ndarray) -> Tagged:
        order = np.argsort(-proba, kind="stable")[: self._top]
        if self._threshold is not None:
            order = order[proba[order] > self._threshold]
        return Tagged(str(path), self._labels[order].tolist(), proba[order].tolist())


def list_pictures(given: Iterable[str]) -> Iterator[Path]:
    """Files, and the pictures of folders, in a fixed order; "-" reads more from stdin."""
    for name in _names(given):
        if os.path.isdir(name):
            yield from find_pictures(name)
        else:
            yield Path(name)


def _names(given: Iterable[str]) -> Iterator[str]:
    for name in given:
        if name != "-":
            yield name
            continue
        for line in sys.stdin.buffer:
            if path := line.rstrip(b"\r\n"):
                yield os.fsdecode(path)


def no_pictures(given: Iterable[str]) -> str:
    """What to say where there is nothing to tag."""
    where = ", ".join("standard input" if name == "-" else repr(name) for name in given)
    return f"There are no pictures in {where}; they are known by {' '.join(IMAGE_SUFFIXES)}."


def fingerprint(model: Path) -> str:
    """Tells models apart: a hash of the files of one."""
    digest = hashlib.sha256()
    for name in ("config.json", "weights.safetensors"):
        if not (model / name).is_file():
            raise click.UsageError(
                f"{str(model)!r} is no model (it has no {name}); sklearn-tai fit makes one."
            )
        digest.update((model / name).read_bytes())
    return digest.hexdigest()[:16]


def _fault(path: Path) -> str:
    """Why a picture could not be read, in the words of the library."""
    try:
        open_image(path, 0)
    except (ValueError, FileNotFoundError) as error:
        # X and its index mean nothing here
        message = re.sub(r"^X\[0\]: ", "", " ".join(str(error).split()))
        return message.replace(", or leave it out of X", "")
    return f"{str(path)!r} could not be read at first, but can be now; run the command again."
