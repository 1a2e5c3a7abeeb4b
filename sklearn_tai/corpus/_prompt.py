"""Texts from templates: no language model, no network."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from .._sklearn_compat import Interval
from .._typing import RandomState
from ..inputs import check_labels
from ._corpus import Corpus
from ._grammar import join_list, noun
from ._plan import balanced_sets, check_labels_per_text
from ._templates import TEMPLATES

# How often the objects of a text are named with an article, in the plural, each its
# own way, or bare.
_STYLES = ("article", "plural", "mixed", "bare")
_STYLE_WEIGHTS = (0.5, 0.15, 0.2, 0.15)


class PromptCorpusGenerator(BaseEstimator):
    """Make training texts by putting random label sets into sentence templates.

    Parameters
    ----------
    n_texts : int, default=5000
        How many texts to make. 10,000 suffice for the paper's benchmarks; 1,000 do
        decently for 20 labels.
    labels_per_text : int or tuple of (int, int), default=(1, 4)
        Number of labels in a text, or the smallest and largest number, drawn
        uniformly between them.
    templates : sequence of str or None, default=None
        Sentences with one ``{}`` where the list of objects goes, and optionally
        ``{be}`` where "is" or "are" goes. None for
        :data:`sklearn_tai.corpus.TEMPLATES`.
    random_state : int, RandomState instance or None, default=None
        Fixes the texts.

    See Also
    --------
    TextAsImageClassifier : Learns from the texts.

    Notes
    -----
    Every label is drawn equally often (up to one or two times), as each pass over the
    labels is a shuffle of them all. Templates are in the spirit of Fig. 9 of
    arXiv:2312.04160. Articles and plurals are English.

    Examples
    --------
    >>> from sklearn_tai import PromptCorpusGenerator
    >>> generator = PromptCorpusGenerator(n_texts=3, labels_per_text=2, random_state=0)
    >>> texts, Y = generator.generate(["dog", "umbrella", "skis"])
    >>> len(texts), Y.shape, Y.sum(axis=1).tolist()
    (3, (3, 3), [2, 2, 2])
    """

    _parameter_constraints = {
        "n_texts": [Interval(Integral, 1, None, closed="left")],
        "labels_per_text": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "templates": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_texts: int = 5000,
        *,
        labels_per_text: int | tuple[int, int] = (1, 4),
        templates: Sequence[str] | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_texts = n_texts
        self.labels_per_text = labels_per_text
        self.templates = templates
        self.random_state = random_state

    def generate(self, labels: Sequence[str]) -> Corpus:
        """Make texts about `labels`.

        Parameters
        ----------
        labels : sequence of n_labels str
            Label names, in natural words ("tv monitor", not "tvmonitor").

        Returns
        -------
        Corpus
            `n_texts` texts with their labels, in the order of `labels`; unpacks as
            ``texts, Y``.

        Raises
        ------
        ValueError
            If labels are missing, blank or repeated, a template has no ``{}``, or
            `labels_per_text` is not a range.
        """
        self._validate_params()
        names = check_labels(labels)
        templates = self._check_templates()
        low, high = check_labels_per_text(self.labels_per_text, len(names))
        random_state = check_random_state(self.random_state)
        rng = np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))
        sizes = rng.integers(low, high + 1, self.n_texts)
        pick = rng.integers(len(templates), size=self.n_texts)
        styles = rng.choice(_STYLES, self.n_texts, p=_STYLE_WEIGHTS)
        texts, Y = [], np.zeros((self.n_texts, len(names)), dtype=np.int8)
        for row, chosen in enumerate(balanced_sets(rng, len(names), sizes)):
            Y[row, chosen] = 1
            words = [names[i] for i in chosen]
            texts.append(_write(rng, templates[pick[row]], styles[row], words))
        return Corpus(texts, Y, names)

    def _check_templates(self) -> list[str]:
        templates = list(TEMPLATES if self.templates is None else self.templates)
        if not templates:
            raise ValueError(
                "templates is empty; give at least one, or None for the default ones."
            )
        for i, template in enumerate(templates):
            if not isinstance(template, str) or template.count("{}") != 1:
                raise ValueError(
                    f"templates[{i}] is {template!r}; expected a str with exactly one '{{}}', "
                    "where the list of objects goes."
                )
        return templates


def _write(rng: np.random.Generator, template: str, style: str, names: list[str]) -> str:
    phrases, plural = [], len(names) > 1
    for name in names:
        forms = noun(name)
        if style == "plural" or (style == "mixed" and rng.random() < 0.5):
            phrases.append(forms.plural)
            plural |= forms.plural != forms.bare or forms.is_plural
        else:
            phrases.append(forms.bare if style == "bare" else forms.with_article)
            plural |= forms.is_plural
    verb = "are" if plural else "is"
    # replace, not format: labels and templates may hold braces
    return template.replace("{be}", verb).replace("{}", join_list(phrases))
