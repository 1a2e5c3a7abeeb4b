"""Train on the labels that visitors give, once for the same labels."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from skorch.callbacks import Callback

from ..baselines import ZeroShotClassifier
from ..classifier import TextAsImageClassifier
from ..corpus import PromptCorpusGenerator

_N_KEPT = 32  # classifiers, of about 1 MB each


class Trained(NamedTuple):
    classifier: TextAsImageClassifier
    zero_shot: ZeroShotClassifier
    seconds: float


class _EpochReport(Callback):
    def __init__(self, report: Callable[[float], Any]) -> None:
        self.report = report

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.report(len(net.history) / net.max_epochs)


class Trainer:
    """Classifiers by labels and radius; the ones not used for longest go first."""

    def __init__(self, encoder: Any, n_texts: int) -> None:
        self.encoder = encoder
        self.n_texts = n_texts
        self._kept: OrderedDict[Any, Trained] = OrderedDict()
        self._lock = Lock()
        # One training at a time: they draw from torch's one generator, and visitors who come
        # with the same labels meanwhile find them trained.
        self._training = Lock()

    def get(self, labels: Sequence[str], radius: float, report: Any) -> tuple[Trained, bool]:
        """The classifiers of these labels in any order, and whether they are new."""
        key = (tuple(sorted(labels)), float(radius))
        if (kept := self._find(key)) is not None:
            return kept, False
        report(0, desc="Waiting for another training")
        with self._training:
            if (kept := self._find(key)) is not None:
                return kept, False
            trained = self._train(*key, report)
        with self._lock:
            self._kept[key] = trained
            if len(self._kept) > _N_KEPT:
                self._kept.popitem(last=False)
        return trained, True

    def _find(self, key: Any) -> Trained | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _train(self, labels: tuple[str, ...], radius: float, report: Any) -> Trained:
        start = time.perf_counter()
        report(0, desc="Writing sentences")
        texts, Y = PromptCorpusGenerator(self.n_texts, random_state=0).generate(labels)
        parts = []
        for first in range(0, len(texts), 250):
            report(0.1 + 0.4 * first / len(texts), desc="Encoding sentences")
            parts.append(self.encoder.transform(texts[first : first + 250]))
        classifier = TextAsImageClassifier(
            self.encoder,
            hidden_sizes=(256, 256, 256),
            max_lr=1e-3,
            callbacks=[_EpochReport(lambda done: report(0.5 + 0.5 * done, desc="Training"))],
            random_state=0,
        ).set_params(perturbation__radius=radius)
        classifier.fit(np.concatenate(parts), Y)
        zero_shot = ZeroShotClassifier(labels, self.encoder).fit()
        return Trained(classifier, zero_shot, time.perf_counter() - start)
