"""Labelled texts: read, written and joined."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._typing import LabelNames, Labels, Settings
from ..inputs import (
    LabelIndicator,
    Vocabulary,
    as_vocabulary,
    check_indicator,
    join,
    with_group_labels,
)
from ..storage import json_line, whole_file


@dataclass(eq=False)  # comparing arrays gives no single truth value
class Corpus:
    """Texts with known labels; unpacks as ``texts, Y``, where `Y` keeps the names.

    Parameters
    ----------
    texts : list of n_texts str
        The texts.
    Y : array-like of shape (n_texts, n_labels)
        1 where a text has the label, else 0.
    label_names : list of n_labels str, mapping or Vocabulary
        Names of the columns of `Y`. A group of a :class:`Vocabulary` is present in a text
        if a member is, and need not have a column at the end of `Y`.

    Attributes
    ----------
    vocabulary : Vocabulary
        The names of labels, groups and exclusions; `Y` has it too, and passes it on to the
        classifier.

    Raises
    ------
    ValueError
        If the three do not fit together.

    Examples
    --------
    >>> from sklearn_tai import PromptCorpusGenerator
    >>> generator = PromptCorpusGenerator(n_texts=3, random_state=0)
    >>> corpus = generator.generate(["dog", "cat"])
    >>> texts, Y = corpus
    >>> len(corpus), Y.shape, Y.label_names
    (3, (3, 2), ['dog', 'cat'])

    Texts of your own, with groups:

    >>> from sklearn_tai.corpus import Corpus, Vocabulary
    >>> vocabulary = Vocabulary(["dog", "car"], groups={"animal": ["dog"]})
    >>> Corpus(["my dog", "our car"], [[1, 0], [0, 1]], vocabulary).Y.tolist()
    [[1, 0, 1], [0, 1, 0]]
    """

    texts: list[str]
    Y: Labels
    label_names: Any  # a list after __post_init__

    def __post_init__(self) -> None:
        self.texts = list(self.texts)
        self.vocabulary = as_vocabulary(self.label_names)
        self.label_names = list(self.vocabulary)
        Y = check_indicator(self.Y, len(self.texts))[0].astype(np.int8)
        missing = self.label_names[Y.shape[1] :]
        if all(label in self.vocabulary.groups for label in missing):
            Y = np.pad(Y, [(0, 0), (0, len(missing))])
        if Y.shape[1] != len(self.label_names):
            raise ValueError(
                f"Y has {Y.shape[1]} columns but there are {len(self.label_names)} "
                "label_names; they must be the same number."
            )
        Y = with_group_labels(Y, self.vocabulary, self.label_names)
        self.Y = LabelIndicator(Y, self.vocabulary)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.texts, self.Y))

    def __len__(self) -> int:
        return len(self.texts)

    def save(self, path: str | Path) -> None:
        """Write a JSON Lines file: the vocabulary, then one text with its labels per line.

        Parameters
        ----------
        path : str or Path
            The file, by convention ``*.jsonl``. An existing file stays as it is until the
            new one is complete.
        """
        with whole_file(path) as draft, open(draft, "wb") as file:
            known = self.vocabulary.to_dict()
            file.write(json_line({"label_names": known.pop("labels"), **known}))
            for text, row in zip(self.texts, self.Y):
                labels = [self.label_names[k] for k in np.flatnonzero(row)]
                file.write(json_line({"text": text, "labels": labels}))

    @classmethod
    def load(cls, path: str | Path, label_names: LabelNames | None = None) -> Corpus:
        """Read a JSON Lines file of texts with their labels.

        Parameters
        ----------
        path : str or Path
            The file. Its lines contain ``{"text": ..., "labels": [...]}``.
        label_names : sequence of str, mapping or Vocabulary, default=None
            Names and order of the columns; None for those in the file, or if it has
            none, the labels that occur, sorted.

        Returns
        -------
        Corpus
            The corpus.

        Raises
        ------
        ValueError
            If a line is malformed or has an unknown label.
        """
        known: Settings = {} if label_names is None else {"labels": label_names}
        texts, labels = [], []
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                    line.encode()  # fails on surrogates, which stand for bytes that are not UTF-8
                    if number == 1 and "label_names" in record:
                        known = known or {"labels": record.pop("label_names"), **record}
                        continue
                    text, own = record["text"], _names(record["labels"])
                    if not isinstance(text, str):
                        raise TypeError
                except (ValueError, KeyError, TypeError, RecursionError):
                    raise ValueError(
                        f"{str(path)!r}, line {number}: expected "
                        f'{{"text": "...", "labels": ["...", ...]}}; got {line.strip()[:80]!r}.'
                    ) from None
                texts.append(text)
                labels.append(own)
        try:
            names = Vocabulary(
                **known or {"labels": sorted({label for own in labels for label in own})}
            )
        except (TypeError, AttributeError) as error:
            raise ValueError(
                f"{str(path)!r}: line 1 does not tell labels as save writes them ({error})."
            ) from None
        column = {name: k for k, name in enumerate(names)}
        Y = np.zeros((len(texts), len(names)), dtype=np.int8)
        for row, own in enumerate(labels):
            unknown = [label for label in own if label not in column]
            if unknown:
                raise ValueError(
                    f"{str(path)!r}: text {row} has the labels {unknown}, which are not in "
                    "label_names. Name all labels, or none to take those in the file."
                )
            Y[row, [column[label] for label in own]] = 1
        return cls(texts, Y, names)


def _names(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError
    return value


def concatenate_corpora(corpora: Sequence[Corpus]) -> Corpus:
    """Join corpora about the same labels, such as templates and an LLM's captions.

    Parameters
    ----------
    corpora : sequence of Corpus
        Corpora with the same labels, in any order of columns.

    Returns
    -------
    Corpus
        All texts, with the columns of the first corpus.

    Raises
    ------
    ValueError
        If `corpora` is empty, or their labels differ.

    Examples
    --------
    >>> from sklearn_tai.corpus import Corpus, concatenate_corpora
    >>> one = Corpus(["a dog"], [[1, 0]], ["dog", "cat"])
    >>> two = Corpus(["a cat"], [[1, 0]], ["cat", "dog"])
    >>> concatenate_corpora([one, two]).Y.tolist()
    [[1, 0], [0, 1]]
    """
    corpora = list(corpora)
    if not corpora:
        raise ValueError("corpora is empty; give at least one Corpus.")
    vocabulary = join(corpus.vocabulary for corpus in corpora)
    names = corpora[0].label_names
    parts = []
    for i, corpus in enumerate(corpora):
        different = sorted(set(names) ^ set(corpus.label_names))
        if different:
            raise ValueError(
                f"corpora[0] and corpora[{i}] do not have the same labels; they differ in "
                f"{different[:10]}. A text's labels must be known for all of them."
            )
        parts.append(corpus.Y[:, [corpus.label_names.index(name) for name in names]])
    return Corpus([t for c in corpora for t in c.texts], np.vstack(parts), vocabulary)
