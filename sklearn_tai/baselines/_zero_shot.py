"""CLIP without training: the baseline in every figure."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator
from sklearn.preprocessing import normalize, scale
from sklearn.utils import Tags

from .._sklearn_compat import HasMethods, Interval, StrOptions, fit_context
from .._typing import Encoder, Items, LabelNames, Labels
from ..base import EncoderClassifierMixin
from ..corpus import background_names, check_slots, noun
from ..inputs import as_vocabulary

# For standardised scores on photos: the logistic curve of being right, the score that the best of
# many regions reach by chance, and the threshold with the highest F1, which is below one half.
_SLOPE, _MIDDLE, _LIFT, _THRESHOLD = 1.5, 3.0, 1.3, 0.25
_EVERY = 4  # of the background names: 350 are enough, and take a quarter of the time
_TEMPLATES = (
    "a photo of {}.",
    "a picture of {}.",
    "an image of {}.",
    "a photo containing {}.",
    "there is {} in the photo.",
)


class ZeroShotClassifier(EncoderClassifierMixin, BaseEstimator):
    """Score images by their similarity to prompts that name each label.

    Parameters
    ----------
    labels : sequence of n_labels str, mapping or Vocabulary
        Label names, in natural words, or a mapping of each label to all its names. A
        :class:`~sklearn_tai.corpus.Vocabulary` has groups and exclusive labels too: a group
        scores as the best of its own names and its members.
    encoder : estimator or None, default=None
        Turns texts and images into embeddings; None for
        :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`.
    templates : sequence of str, default=("a photo of {}.", ...)
        Prompts with one ``{}``, where the label goes with its article. The unit
        embeddings of a label's prompts, with all its names, are averaged.
    temperature : float, default=0.01
        Divides the similarities in the softmax of :meth:`predict_proba`, without
        `standardize`; CLIP's own is 0.01.
    standardize : bool, default=False
        Whether to scale the similarities of an image to mean 0 and standard deviation 1, as
        SPARC does [1]_: some images are more similar than others to every prompt.
    background : bool, default=False
        Whether to include the names of 350 everyday things in that mean and standard
        deviation, so that an image may have none of the labels (see
        :func:`~sklearn_tai.corpus.background_names`). Without it `standardize` needs
        many labels; with it one is enough.
    region_weight : float or "auto", default="auto"
        Weight in [0, 1] of the best regions of an image against the whole, as in
        :class:`TextAsImageClassifier`. "auto" is 0.5 if the encoder's model has regions,
        else 0.
    threshold : float or None, default=None
        ``predict`` names a label where its probability is above this; None for 0.25 with
        `standardize`, else for 1 / n_labels, the probability of a uniform guess.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The label names.
    label_embeddings_ : ndarray of shape (n_labels, n_features)
        Unit embeddings of the labels; a group without a name has that of a member.
    vocabulary_ : Vocabulary
        The labels with their names, groups and exclusions.
    background_embeddings_ : ndarray of shape (n_things, n_features)
        Unit embeddings of other things.
    n_features_in_ : int
        Dimension of the embeddings.
    encoder_ : estimator
        The encoder used.

    See Also
    --------
    TextAsImageClassifier : Trains an adapter on texts.

    Notes
    -----
    By default, this follows CLIP (Radford et al., 2021), section 3.1. ``score`` ranks by
    similarity, not by the softmax, which compares labels within an image. With
    `standardize`, a probability is the logistic function of 1.5 (z - 3) for the
    standardised score z, and labels are assigned from z = 2.27 on; both were measured on
    photos with CLIP ViT-B/16. Of SPARC, only the standardisation is here, not its
    compound prompts of several labels and the merging of their scores.

    References
    ----------
    .. [1] Miller et al., "SPARC: Score Prompting and Adaptive Fusion for Zero-Shot
       Multi-Label Recognition in Vision-Language Models", CVPR 2025.

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder, ZeroShotClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> clf = ZeroShotClassifier(scenes.label_names, OpenCLIPEncoder("tai-tiny")).fit()
    >>> clf.predict_proba(scenes.images[:3]).shape
    (3, 20)
    """

    _parameter_constraints = {
        "labels": ["array-like"],
        "encoder": [HasMethods("transform"), None],
        "templates": ["array-like"],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "standardize": ["boolean"],
        "background": ["boolean"],
        "region_weight": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "threshold": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self,
        labels: LabelNames,
        encoder: Encoder | None = None,
        *,
        templates: Sequence[str] = _TEMPLATES,
        temperature: float = 0.01,
        standardize: bool = False,
        background: bool = False,
        region_weight: float | str = "auto",
        threshold: float | None = None,
    ) -> None:
        self.labels = labels
        self.encoder = encoder
        self.templates = templates
        self.temperature = temperature
        self.standardize = standardize
        self.background = background
        self.region_weight = region_weight
        self.threshold = threshold

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Items = None, y: Labels = None) -> ZeroShotClassifier:
        """Embed the prompts.

        Parameters
        ----------
        X : Ignored
            Present by convention.
        y : Ignored
            Present by convention.

        Returns
        -------
        ZeroShotClassifier
            The fitted classifier.
        """
        vocabulary = as_vocabulary(self.labels)
        if self.background and not self.standardize:
            raise ValueError("background=True takes standardize=True. Set both, or neither.")
        if self.standardize and not self.background and len(vocabulary) < 2:
            raise ValueError(
                "standardize=True takes two labels or more, or other things to compare with: set "
                "background=True."
            )
        templates = list(self.templates)
        check_slots(templates, "the label goes")
        if not templates:
            raise ValueError("templates is empty; give at least one.")
        self.encoder_ = self._clone_encoder()
        others = background_names(vocabulary)[::_EVERY] if self.background else []
        named = [
            # a group without names borrows a member's, which leaves the maximum unchanged
            names or next(filter(None, map(vocabulary.get, sorted(vocabulary.below(label)))))
            for label, names in vocabulary.items()
        ]
        counts = [len(templates) * len(names) for names in named]
        prompts = [
            t.replace("{}", noun(n).with_article)
            for names in named
            for n in names
            for t in templates
        ]
        prompts += [templates[0].replace("{}", noun(n).with_article) for n in others]
        unit = normalize(self.encoder_.transform(prompts))
        *of_labels, self.background_embeddings_ = np.split(unit, np.cumsum(counts))
        self.label_embeddings_ = normalize(np.stack([own.mean(axis=0) for own in of_labels]))
        self.n_features_in_ = self.label_embeddings_.shape[1]
        self.vocabulary_, self.classes_ = vocabulary, np.array(list(vocabulary))
        return self

    def decision_function(self, X: Items) -> np.ndarray:
        """Cosine similarities of items and labels, standardised with ``standardize``.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings, also with those of their regions:
            (n_items, 1 + n_regions, n_features), the whole image first.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            In [-1, 1] without standardisation.
        """
        return self._outputs(X)

    def predict_proba(self, X: Items) -> np.ndarray:
        """Probabilities of the labels.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            As in :meth:`decision_function`.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            With `standardize`, each label on its own; else the softmax over the labels,
            whose rows sum to 1.
        """
        return self._proba(self._outputs(X))

    def _scores(self, embeddings: np.ndarray, is_image: bool) -> np.ndarray:
        unit = normalize(embeddings)
        if not self.standardize:
            return unit @ self.label_embeddings_.T
        things = np.vstack([self.label_embeddings_, self.background_embeddings_])
        scores = scale((unit @ things.T).astype(float), axis=1)
        return scores[:, : len(self.classes_)].astype(np.float32)

    def _to_proba(self, scores: np.ndarray) -> np.ndarray:
        if self.standardize:
            return expit(_SLOPE * (scores - _MIDDLE))
        return softmax(scores / self.temperature, axis=-1)

    @property
    def _region_lift(self) -> float:
        return _LIFT if self.standardize else 0

    def _decision_threshold(self) -> float:
        if self.threshold is not None:
            return self.threshold
        return _THRESHOLD if self.standardize else 1 / len(self.classes_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
