"""What the language model generators share: parameters, plan, report."""

from __future__ import annotations

import json
import time
import warnings
from collections import Counter
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from .._sklearn_compat import Interval, StrOptions
from .._typing import Constraints, LabelNames, RandomState, Settings
from ..inputs import Vocabulary, as_vocabulary
from ._background import background_names
from ._checkpoint import Checkpoint
from ._cleaning import named_labels
from ._conversation import INSTRUCTIONS, Conversations
from ._corpus import Corpus
from ._plan import balanced_sets, check_labels_per_text, names_in_turn, never_together


class BaseLLMCorpusGenerator(BaseEstimator):
    """Captions of random label sets by a language model (section 3.2 of the paper).

    Subclasses create the client (:meth:`_connect`) and ask one question (:meth:`_ask`).
    """

    _parameter_constraints: Constraints = {
        "model": [str],
        "n_texts": [Interval(Integral, 1, None, closed="left")],
        "labels_per_text": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "instruction": [str],
        "background_share": [Interval(Real, 0, 1, closed="left")],
        "n_variations": [Interval(Integral, 0, None, closed="left")],
        "max_words": [Interval(Integral, 1, None, closed="left")],
        "label_policy": [StrOptions({"sampled", "all", "named"})],
        "system": [str, None],
        "structured": ["boolean"],
        "options": [dict, None],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "n_jobs": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "checkpoint": [str, Path, None],
        "verbose": ["verbose"],
    }

    model: str
    n_texts: int
    labels_per_text: int | tuple[int, int]
    background_share: float
    instruction: str
    n_variations: int
    max_words: int
    label_policy: str
    system: str | None
    structured: bool
    options: Settings | None
    timeout: float | None
    n_retries: int
    n_jobs: int
    random_state: RandomState
    checkpoint: str | Path | None
    verbose: int

    def _connect(self) -> Any:
        """A client; raises an error if there is no server or it lacks the model."""
        raise NotImplementedError

    def _ask(self, client: Any, messages: list[dict[str, str]], seed: int) -> str:
        """One reply. Raises TransientError if another attempt may help."""
        raise NotImplementedError

    def generate(self, labels: LabelNames) -> Corpus:
        """Write captions about random sets of `labels`.

        Parameters
        ----------
        labels : sequence of n_labels str, mapping or Vocabulary
            Label names, in natural words, or a mapping of each label to all its names, which
            are asked for in turn. A :class:`~sklearn_tai.corpus.Vocabulary` has groups and
            exclusive labels too.

        Returns
        -------
        Corpus
            `n_texts` captions, less those that were dropped (see ``generation_report_``),
            with their labels, in the order of `labels`; unpacks as ``texts, Y``.

        Raises
        ------
        ValueError
            If a parameter or the labels are not valid, the server does not have the
            model, or `checkpoint` is of other labels or settings.
        ImportError
            If the client's package is not installed.
        ConnectionError
            If the server cannot be reached, or no longer.
        TimeoutError
            If the server's reply was not complete in time, in all tries.
        RuntimeError
            If the server refuses requests or replies with something else, in all tries.
        BlockingIOError
            If another generator uses the checkpoint.

        Warns
        -----
        UserWarning
            If captions were dropped.
        """
        self._validate_params()
        vocabulary = as_vocabulary(labels)
        template = INSTRUCTIONS.get(self.instruction, self.instruction)
        if template.count("{}") != 1:
            raise ValueError(
                f"instruction={self.instruction!r} is neither one of {sorted(INSTRUCTIONS)} nor "
                "an instruction with one '{}', where the labels go."
            )
        self._check_options()
        started, settings = time.monotonic(), self._settings(vocabulary)
        things = background_names(vocabulary) if self.background_share else []
        sets = self._plan(settings, vocabulary, len(things))
        words = names_in_turn([*vocabulary.values(), *([thing] for thing in things)], sets)
        self.__dict__.pop("partial_", None)
        is_new = self.checkpoint is None or not Path(self.checkpoint).exists()
        client = self._connect() if is_new else None  # first: a failure then leaves no file
        store = Checkpoint(self.checkpoint, settings)
        run = Conversations(self, client, store, words, template, settings["seed"])
        try:
            if run.open_sets and client is None:
                run.client = self._connect()
            run.run()
        except BaseException as error:
            n_done = sum(record["text"] is not None for record in store.records.values())
            where = f"checkpoint {str(self.checkpoint)!r}"
            if self.checkpoint is None:
                where = "the attribute partial_"
                self.partial_ = self._corpus(store, sets, vocabulary)[:2]
            kept = f"{n_done} finished captions are kept in {where}."
            if self.checkpoint is not None:
                kept += " Run the same again to continue."
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(kept) from None
            if type(error) in (ConnectionError, TimeoutError, RuntimeError, ValueError):
                raise type(error)(f"{error} {kept}") from error
            raise
        finally:
            store.close()
        texts, Y, report = self._corpus(store, sets, vocabulary)
        report |= {"n_retries": run.n_retries, "seconds": round(time.monotonic() - started, 1)}
        self.generation_report_ = report
        if len(texts) < self.n_texts:
            warnings.warn(
                f"{self.n_texts - len(texts)} of {self.n_texts} captions were dropped: "
                f"{report['dropped']}. See generation_report_.",
                UserWarning,
                stacklevel=2,
            )
        return Corpus(texts, Y, vocabulary)

    def _check_options(self) -> None:
        options = self.options or {}
        reserved = sorted({"model", "messages", "seed", "stream"} & set(options))
        if reserved:
            raise ValueError(
                f"options={options!r} contains {reserved}, which the generator sets itself; use "
                "its own parameters (random_state for the seed)."
            )
        try:
            json.dumps(options)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"options={options!r} cannot be sent ({error}); use plain Python numbers and str."
            ) from None

    def _settings(self, vocabulary: Vocabulary) -> Settings:
        """Settings that all captions of a plan must share."""
        params = self.get_params(deep=False)
        settings = {
            **vocabulary.to_dict(),
            "labels_per_text": np.atleast_1d(self.labels_per_text).tolist(),
            "background_share": self.background_share,
            **{k: params[k] for k in (
                "model", "instruction", "n_variations", "max_words", "system", "structured",
            )},
            "options": self.options or {},
        }  # fmt: skip
        stored = Checkpoint.stored_settings(self.checkpoint).get("seed")
        if isinstance(self.random_state, Integral):
            seed = int(self.random_state)
        elif stored is not None:  # no fixed seed: continue with the file's
            seed = stored
        else:
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return {**settings, "seed": seed}

    def _plan(self, settings: Settings, vocabulary: Vocabulary, n_things: int) -> list[list[int]]:
        """Sets of labels and of background things, which are numbered after the labels.

        A plan for more texts begins with the same sets, so that a run can be extended.
        """
        n_sets = -(-self.n_texts // (1 + self.n_variations))
        n_others = np.floor(self.background_share * np.arange(n_sets + 1))  # evenly spread
        rngs, plan = np.random.default_rng(settings["seed"]).spawn(4), []
        named = [k for k, names in enumerate(vocabulary.values()) if names]
        things = range(len(vocabulary), len(vocabulary) + n_things)
        for items, apart in ((named, never_together(vocabulary)), (things, None)):
            low, high = check_labels_per_text(self.labels_per_text, len(items))
            sizes = rngs.pop(0).integers(low, high + 1, n_sets)
            plan.append(balanced_sets(rngs.pop(0), items, sizes, apart))
        return [next(plan[int(other)]) for other in np.diff(n_others)]

    def _corpus(
        self, store: Checkpoint, sets: list[list[int]], vocabulary: Vocabulary
    ) -> tuple[list[str], np.ndarray, Settings]:
        """Texts and labels by the label policy, in the plan's order, and a report."""
        texts: list[str] = []
        rows: list[list[int]] = []
        names_of: Counter[str] = Counter()
        dropped: Counter[str] = Counter()
        n_shortened = 0
        for (i, variation), record in sorted(store.records.items()):
            if i >= len(sets) or i * (1 + self.n_variations) + variation >= self.n_texts:
                continue  # from a longer run
            if record["text"] is None:
                dropped[record["reason"]] += 1
                continue
            n_shortened += record["shortened"]
            named, chosen = named_labels(record["text"], vocabulary), sets[i]
            if chosen[0] >= len(vocabulary):  # about background things
                if named:
                    dropped["is about other things but mentions a label"] += 1
                    continue
                texts.append(record["text"])
                rows.append([])
                continue
            n_named = len(set(named) & set(chosen))
            kind = "all" if n_named == len(chosen) else "some" if n_named else "none"
            names_of[kind] += 1
            if self.label_policy == "all" and kind != "all":
                dropped["does not mention all its labels"] += 1
                continue
            if self.label_policy == "named" and not named:
                dropped["mentions no label"] += 1
                continue
            texts.append(record["text"])
            rows.append(named if self.label_policy == "named" else chosen)
        Y = np.zeros((len(texts), len(vocabulary)), dtype=np.int8)
        for k, row in enumerate(rows):
            Y[k, row] = 1
        report = {
            "n_requested": self.n_texts,
            "n_texts": len(texts),
            **{f"names_{kind}": names_of[kind] for kind in ("all", "some", "none")},
            "dropped": dict(dropped),
            "n_shortened": n_shortened,
        }
        return texts, Y, report
