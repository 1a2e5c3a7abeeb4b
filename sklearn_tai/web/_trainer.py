"""Train classifiers for the visitors' labels."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import numpy as np

from .._typing import Encoder, LabelNames
from ..baselines import ZeroShotClassifier
from ..classifier import TextAsImageClassifier
from ..corpus import PromptCorpusGenerator, Vocabulary
from ..inputs import as_vocabulary
from ..perturbation import RandomPerturbation

_N_KEPT = 32  # label sets; embeddings of 1,000 sentences take 4 MB with CLIP RN50


class _Sentences(NamedTuple):
    embeddings: np.ndarray
    Y: np.ndarray
    zero_shot: ZeroShotClassifier
    seconds: float


class Trained(NamedTuple):
    classifier: TextAsImageClassifier
    zero_shot: ZeroShotClassifier
    seconds: float  # spent on encoding
    radius: float  # as a multiple of the mean norm


class Trainer:
    """Makes classifiers for given labels and noise.

    Sentences are kept, and the least recently used labels dropped. Classifiers are not: with
    encoded sentences, training one takes milliseconds.
    """

    def __init__(self, encoder: Encoder, n_texts: int) -> None:
        self.encoder = encoder
        self.n_texts = n_texts
        self._kept: OrderedDict[tuple[str, ...], _Sentences] = OrderedDict()
        self._lock = Lock()
        # One at a time: parallel encodings only slow each other down, and visitors who wait
        # with the same labels then find them encoded.
        self._encoding = Lock()

    def get(
        self, labels: LabelNames, noise: float, report: Callable[..., object]
    ) -> tuple[Trained, bool]:
        """The classifiers of these labels, in any order, and whether the labels are new.

        `noise` is the radius as a multiple of the automatic one.
        """
        lines = as_vocabulary(labels).to_text().splitlines()
        sentences, is_new = self._sentences(tuple(sorted(lines)), report)
        embeddings, Y, zero_shot, seconds = sentences
        classifier = TextAsImageClassifier(self.encoder).fit(embeddings, Y)
        radius = noise * classifier.perturbation_.radius_
        if noise != 1:
            perturbation = RandomPerturbation(radius, relative=False)
            classifier.set_params(perturbation=perturbation).fit(embeddings, Y)
        norm = float(np.linalg.norm(embeddings, axis=1).mean())
        return Trained(classifier, zero_shot, seconds, radius / norm), is_new

    def _sentences(
        self, lines: tuple[str, ...], report: Callable[..., object]
    ) -> tuple[_Sentences, bool]:
        if (kept := self._find(lines)) is not None:
            return kept, False
        report(0, desc="Waiting for another visitor")
        with self._encoding:
            if (kept := self._find(lines)) is not None:
                return kept, False
            sentences = self._encode(lines, report)
            with self._lock:
                self._kept[lines] = sentences
                if len(self._kept) > _N_KEPT:
                    self._kept.popitem(last=False)
        return sentences, True

    def _find(self, lines: tuple[str, ...]) -> _Sentences | None:
        with self._lock:
            if lines in self._kept:
                self._kept.move_to_end(lines)
            return self._kept.get(lines)

    def _encode(self, lines: tuple[str, ...], report: Callable[..., object]) -> _Sentences:
        start = time.perf_counter()
        report(0, desc="Writing sentences")
        labels = Vocabulary.from_text("\n".join(lines))
        texts, Y = PromptCorpusGenerator(self.n_texts, random_state=0).generate(labels)
        parts = []
        for first in range(0, len(texts), 250):
            report(first / len(texts), desc="Encoding sentences")
            parts.append(self.encoder.transform(texts[first : first + 250]))
        zero_shot = ZeroShotClassifier(labels, self.encoder).fit()
        return _Sentences(np.concatenate(parts), Y, zero_shot, time.perf_counter() - start)
