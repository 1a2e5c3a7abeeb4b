"""CLIP without training: the baseline of every figure."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.preprocessing import normalize, scale
from sklearn.utils import Tags

from .._sklearn_compat import HasMethods, Interval, StrOptions, fit_context
from .._typing import Encoder, Items, Labels
from ..base import EncoderClassifierMixin
from ..corpus import noun
from ..inputs import check_labels

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
    labels : sequence of n_labels str
        Label names, in natural words.
    encoder : estimator or None, default=None
        Turns texts and images into embeddings; None for
        :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`.
    templates : sequence of str, default=("a photo of {}.", ...)
        Prompts with one ``{}``, where the label goes with its article. The unit
        embeddings of a label's prompts are averaged.
    temperature : float, default=0.01
        Divides the similarities in :meth:`predict_proba`; CLIP's own is 0.01.
    standardize : bool, default=False
        Whether the similarities of an image are brought to mean 0 and standard
        deviation 1 over the labels, as SPARC does [1]_: some images are more similar
        than others to every prompt. It takes two labels or more.
    region_weight : float or "auto", default="auto"
        Weight in [0, 1] of the best regions of an image beside the whole, as in
        :class:`TextAsImageClassifier`. "auto" is 0.5 where the encoder's model has regions.
    threshold : float or None, default=None
        ``predict`` names a label where its probability is above this; None for
        1 / n_labels, the probability of a uniform guess.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The label names.
    label_embeddings_ : ndarray of shape (n_labels, n_features)
        Unit embeddings of the labels.
    n_features_in_ : int
        Dimension of the embeddings.
    encoder_ : estimator
        The encoder used.

    See Also
    --------
    TextAsImageClassifier : Trains an adapter on texts.

    Notes
    -----
    As in CLIP (Radford et al., 2021), section 3.1. ``score`` ranks by cosine
    similarity, not by the softmax, which compares labels within an image. Of SPARC, only
    the standardisation is here, not its compound prompts of several labels and the
    merging of their scores.

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
        "region_weight": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "threshold": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self,
        labels: Sequence[str],
        encoder: Encoder | None = None,
        *,
        templates: Sequence[str] = _TEMPLATES,
        temperature: float = 0.01,
        standardize: bool = False,
        region_weight: float | str = "auto",
        threshold: float | None = None,
    ) -> None:
        self.labels = labels
        self.encoder = encoder
        self.templates = templates
        self.temperature = temperature
        self.standardize = standardize
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
        names = check_labels(self.labels)
        templates = list(self.templates)
        for i, template in enumerate(templates):
            if not isinstance(template, str) or template.count("{}") != 1:
                raise ValueError(
                    f"templates[{i}] is {template!r}; expected a str with exactly one '{{}}', "
                    "where the label goes."
                )
        if not templates:
            raise ValueError("templates is empty; give at least one.")
        self.encoder_ = self._clone_encoder()
        prompts = [t.replace("{}", noun(n).with_article) for n in names for t in templates]
        unit = normalize(self.encoder_.transform(prompts))
        self.label_embeddings_ = normalize(unit.reshape(len(names), len(templates), -1).mean(1))
        self.n_features_in_ = self.label_embeddings_.shape[1]
        self.classes_ = np.array(names)
        return self

    def decision_function(self, X: Items) -> np.ndarray:
        """Cosine similarities of items and labels, standardised if so wanted.

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
        return self._outputs(X, self._standardized if self.standardize else self._similarities)

    def predict_proba(self, X: Items) -> np.ndarray:
        """Softmax of the similarities over the labels, divided by `temperature`.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            As in :meth:`decision_function`.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Rows sum to 1.
        """
        # a shift of all labels changes nothing here, so standardisation has no part in it
        return softmax(self._outputs(X, self._similarities) / self.temperature, axis=1)

    def _similarities(self, embeddings: np.ndarray, is_image: bool) -> np.ndarray:
        return normalize(embeddings) @ self.label_embeddings_.T

    def _standardized(self, embeddings: np.ndarray, is_image: bool) -> np.ndarray:
        similarities = self._similarities(embeddings, is_image).astype(float)
        return scale(similarities, axis=1).astype(np.float32)

    def _proba(self, embeddings: np.ndarray, is_image: bool) -> np.ndarray:
        return softmax(self._similarities(embeddings, is_image) / self.temperature, axis=1)

    def _decision_threshold(self) -> float:
        return 1 / len(self.classes_) if self.threshold is None else self.threshold

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
