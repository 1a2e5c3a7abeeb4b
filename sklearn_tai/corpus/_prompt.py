"""Texts from templates, without a language model or network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from .._sklearn_compat import Interval
from .._typing import LabelNames, RandomState
from ..inputs import as_vocabulary
from ._background import background_names
from ._corpus import Corpus
from ._grammar import join_list, noun
from ._plan import balanced_sets, check_labels_per_text, names_in_turn, never_together
from ._templates import TEMPLATES

# How the objects of a text are written: with an article, in the plural, each in its own
# style, or as they are.
_STYLES = ("article", "plural", "mixed", "bare")
_STYLE_WEIGHTS = (0.5, 0.15, 0.2, 0.15)


class PromptCorpusGenerator(BaseEstimator):
    """Make training texts by filling sentence templates with random label sets.

    Parameters
    ----------
    n_texts : int, default=5000
        How many texts to make. 10,000 are enough for the paper's benchmarks; 1,000 are
        decent for 20 labels.
    labels_per_text : int or tuple of (int, int), default=(1, 4)
        Number of labels in a text, or the smallest and largest number, drawn
        uniformly between them.
    templates : sequence of str or None, default=None
        Sentences with one ``{}`` where the list of objects goes, and optionally
        ``{be}`` where "is" or "are" goes. None for
        :data:`sklearn_tai.corpus.TEMPLATES`.
    background_share : float, default=0.25
        Share of the texts, in [0, 1), that are about other things and have no label.
        Without them every image gets some label, and a single label cannot be learnt (see
        :func:`~sklearn_tai.corpus.background_texts`).
    random_state : int, RandomState instance or None, default=None
        Fixes the texts.

    See Also
    --------
    TextAsImageClassifier : Learns from the texts.

    Notes
    -----
    All labels are drawn equally often, give or take one or two: they are shuffled, used up
    and shuffled again. Templates are in the spirit of Fig. 9 of arXiv:2312.04160. Articles
    and plurals are English.

    Examples
    --------
    >>> from sklearn_tai import PromptCorpusGenerator
    >>> generator = PromptCorpusGenerator(n_texts=4, labels_per_text=2, random_state=0)
    >>> texts, Y = generator.generate(["dog", "umbrella", "skis"])
    >>> len(texts), Y.shape, Y.sum(axis=1).tolist()
    (4, (4, 3), [2, 0, 2, 2])
    """

    _parameter_constraints = {
        "n_texts": [Interval(Integral, 1, None, closed="left")],
        "labels_per_text": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "templates": ["array-like", None],
        "background_share": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_texts: int = 5000,
        *,
        labels_per_text: int | tuple[int, int] = (1, 4),
        templates: Sequence[str] | None = None,
        background_share: float = 0.25,
        random_state: RandomState = None,
    ) -> None:
        self.n_texts = n_texts
        self.labels_per_text = labels_per_text
        self.templates = templates
        self.background_share = background_share
        self.random_state = random_state

    def generate(self, labels: LabelNames) -> Corpus:
        """Make texts about `labels`.

        Parameters
        ----------
        labels : sequence of n_labels str, mapping or Vocabulary
            Label names, in natural words ("tv monitor", not "tvmonitor"), or a mapping of each
            label to all its names, which texts use in turn. A
            :class:`~sklearn_tai.corpus.Vocabulary` has groups and exclusive labels too.

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

        Examples
        --------
        >>> from sklearn_tai import PromptCorpusGenerator
        >>> generator = PromptCorpusGenerator(4, background_share=0, templates=["{}"])
        >>> sorted(generator.generate({"broccoli": ["broccoli", "green food"]}).texts)
        ['broccoli', 'broccoli', 'green food', 'green food']
        """
        self._validate_params()
        vocabulary = as_vocabulary(labels)
        templates = _check_templates(self.templates)
        named = [k for k, names in enumerate(vocabulary.values()) if names]
        low, high = check_labels_per_text(self.labels_per_text, len(named))
        random_state = check_random_state(self.random_state)
        rng = np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))
        n_others = round(self.background_share * self.n_texts)
        sizes = rng.integers(low, high + 1, self.n_texts - n_others)
        sets = list(balanced_sets(rng, named, sizes, never_together(vocabulary)))
        texts = list(_write_all(rng, templates, names_in_turn(vocabulary.values(), sets)))
        if n_others:
            texts += background_texts(
                vocabulary,
                n_others,
                labels_per_text=self.labels_per_text,
                templates=templates,
                random_state=random_state,
            ).texts
        Y = np.zeros((self.n_texts, len(vocabulary)), dtype=np.int8)
        for row, chosen in enumerate(sets):
            Y[row, chosen] = 1
        order = rng.permutation(self.n_texts)
        return Corpus([texts[i] for i in order], Y[order], vocabulary)


def background_texts(
    labels: LabelNames,
    n_texts: int = 1000,
    *,
    labels_per_text: int | tuple[int, int] = (1, 4),
    templates: Sequence[str] | None = None,
    random_state: RandomState = None,
) -> Corpus:
    """Texts about other things than the labels, to add to your own captions.

    Without them a classifier learns that every image has some label.

    Parameters
    ----------
    labels : sequence of n_labels str, mapping or Vocabulary
        The labels. No text is about a thing that is or means one of them, by any of its
        names.
    n_texts : int, default=1000
        How many texts to make: a fifth to a third of all texts worked best.
    labels_per_text : int or tuple of (int, int), default=(1, 4)
        Number of things in a text, as in :class:`~sklearn_tai.PromptCorpusGenerator`.
    templates : sequence of str or None, default=None
        As in :class:`~sklearn_tai.PromptCorpusGenerator`.
    random_state : int, RandomState instance or None, default=None
        Fixes the texts.

    Returns
    -------
    Corpus
        Texts that have no label.

    Raises
    ------
    ValueError
        If labels are missing, blank or repeated, or a template has no ``{}``.

    See Also
    --------
    background_names : What they are about.
    concatenate_corpora : Joins them and other texts.

    Examples
    --------
    >>> from sklearn_tai.corpus import Corpus, background_texts, concatenate_corpora
    >>> own = Corpus(["my dog at the beach"], [[1]], ["dog"])
    >>> corpus = concatenate_corpora([own, background_texts(["dog"], 3, random_state=0)])
    >>> corpus.Y.ravel().tolist()
    [1, 0, 0, 0]
    """
    vocabulary = as_vocabulary(labels)
    things = background_names(vocabulary)
    low, high = check_labels_per_text(labels_per_text, len(things))
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    rng = np.random.default_rng(seed)
    sets = balanced_sets(rng, range(len(things)), rng.integers(low, high + 1, n_texts))
    own = [[things[k] for k in chosen] for chosen in sets]
    texts = list(_write_all(rng, _check_templates(templates), own))
    return Corpus(texts, np.zeros((n_texts, len(vocabulary)), dtype=np.int8), vocabulary)


def _check_templates(given: Sequence[str] | None) -> list[str]:
    templates = list(TEMPLATES if given is None else given)
    if not templates:
        raise ValueError("templates is empty; give at least one, or None for the default ones.")
    check_slots(templates, "the list of objects goes")
    return templates


def check_slots(templates: list[str], purpose: str) -> None:
    """Refuse templates without exactly one ``{}``; `purpose` says what it is for."""
    for i, template in enumerate(templates):
        if not isinstance(template, str) or template.count("{}") != 1:
            raise ValueError(
                f"templates[{i}] is {template!r}; expected a str with exactly one '{{}}', where "
                f"{purpose}."
            )


def _write_all(
    rng: np.random.Generator, templates: list[str], sets: list[list[str]]
) -> Iterator[str]:
    """One text for each list of names, with a random template and style."""
    pick = rng.integers(len(templates), size=len(sets))
    styles = rng.choice(_STYLES, len(sets), p=_STYLE_WEIGHTS)
    for names, template, style in zip(sets, pick, styles):
        yield _write(rng, templates[template], style, names)


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
    # not str.format: labels and templates may contain braces
    return template.replace("{be}", verb).replace("{}", join_list(phrases))
