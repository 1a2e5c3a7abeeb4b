"""The estimator that joins encoder, perturbation and adapter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import normalize, scale
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from ._sklearn_compat import HasMethods, Interval, StrOptions, fit_context
from .adapters import BaseAdapter, KernelAdapter, MLPAdapter, ScikitLearnAdapter, TrainingData
from .base import EncoderClassifierMixin
from .encoders import OpenCLIPEncoder
from .exceptions import ImageReadError
from .inputs import (
    TrainingSet,
    as_embeddings,
    check_items,
    check_range,
    check_some_present,
    in_order,
    label_prior,
    labelled_mask,
    merge,
    modality_means,
    name_columns,
    training_set,
)
from .perturbation import (
    BasePerturbation,
    MixedPerturbation,
    RandomPerturbation,
    ShiftedPerturbation,
)

_SAME = 1 - 1e-5  # cosine similarity of one item encoded in two batches
_ENCODER, _PERTURBATION, _ADAPTER = OpenCLIPEncoder(), RandomPerturbation(), KernelAdapter()


def _clone_if_default(value: Any, default: Any) -> Any:
    """A copy of the default, so that no two classifiers share it."""
    return clone(value) if value is default else value


@cache  # a search scores many times but should warn once
def _warn_of_radius_by_texts() -> None:
    warnings.warn(
        "Texts are scored after a radius was set. If this is a search, texts cannot tell which "
        "radius suits images: pass labelled images with the texts and cv=CrossModalSplit(), or "
        "leave radius='auto'.",
        stacklevel=4,
    )


def _are_texts(X: Any) -> bool:
    listed = not isinstance(X, Iterator) and as_embeddings(X) is None
    return listed and not check_items(X)[1].any()


def _learns_more(clf: TextAsImageClassifier) -> bool:
    if isinstance(clf.adapter, BaseAdapter) and clf.adapter.learns_more:
        return True
    raise AttributeError(
        f"partial_fit needs an adapter that can learn more, such as KernelAdapter(). A trained "
        f"{type(clf.adapter).__name__} would forget the old items while learning new ones: call "
        "fit with all items."
    )


class TextAsImageClassifier(EncoderClassifierMixin, BaseEstimator):
    """Multi-label image classifier trained on texts: the TaI-Adapter [1]_.

    Texts with known labels are embedded with CLIP's frozen text tower. A small adapter
    learns to label the embeddings, with noise so that it also covers the region where
    images are. Images then go through CLIP's image tower and the same adapter.

    Parameters
    ----------
    encoder : estimator, default=OpenCLIPEncoder()
        Turns texts and images into embeddings: any object with ``transform(X) -> (n_items,
        n_features)``. The default loads OpenAI's CLIP ViT-B/16 on first use. Not used if
        you pass embeddings.
    perturbation : BasePerturbation, default=RandomPerturbation()
        The noise in training. For a network, :class:`~sklearn_tai.MixedPerturbation` adds
        different noise to labelled images, and :class:`~sklearn_tai.ShiftedPerturbation`
        moves texts to where images are.
    adapter : BaseAdapter or classifier, default=KernelAdapter()
        What predicts labels from embeddings. :class:`~sklearn_tai.KernelAdapter` computes
        in closed form the best that a network of any size could learn from the noise:
        labels averaged over the texts by similarity, corrected by labelled images. It needs
        no training and learns more items with :meth:`partial_fit`.
        :class:`~sklearn_tai.MLPAdapter` trains a multi-layer perceptron on perturbed texts,
        as in the paper. Any multi-label classifier of scikit-learn works too; it is fitted
        on one noisy copy of the texts.
    center : bool, default=False
        Whether to subtract the mean of all texts from texts, and the mean of all images in
        ``fit``, labelled or not, from images. Without images, only texts are centred.
    standardize : bool, default=False
        Whether to scale the probabilities of an item to mean 0 and standard deviation 1
        over the labels in :meth:`decision_function`, and so in ``score``. Needs at least
        two labels.
    region_weight : float or "auto", default="auto"
        Weight in [0, 1] of the best regions of an image against the whole, so that small
        things are found too (see Notes). "auto" is 0.5 if the encoder's model has regions,
        else 0. With 0, only the whole image is scored.
    threshold : float or "auto", default="auto"
        ``predict`` assigns a label if its probability is above this. "auto" is 0.2, where
        F1 is highest on photos: most labels are on few images, so 0.5 would assign few.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels: the columns of `y` if it was a data frame, else 0, 1, ...
    n_features_in_ : int
        Dimension of the embeddings.
    adapter_ : BaseAdapter
        The fitted adapter; ``adapter_.net_`` of a network has its ``history``.
    encoder_ : estimator
        The encoder used. It contains no weights, so pickles stay small.
    perturbation_ : estimator
        The fitted perturbation; ``perturbation_.radius_`` is the length of the noise.
    vocabulary_ : Vocabulary or None
        What `y` knows about its labels: with a corpus, their names, groups and exclusions.
    slope_ : float
        Factor of the adapter's logits of images.
    offsets_ : ndarray of shape (n_labels,)
        Added to them (see Notes).
    threshold_ : float
        The probability above which ``predict`` assigns a label.
    text_mean_, image_mean_ : ndarray of shape (n_features,) or None
        What ``center`` subtracts.
    unlabelled_mean_ : ndarray of shape (n_features,)
        Mean of the images without any known label; 0 if there are none.
    n_unlabelled_ : int
        Their number.

    See Also
    --------
    ZeroShotClassifier : CLIP without training, the baseline.
    PromptCorpusGenerator : Makes the training texts from label names.

    Notes
    -----
    Items of `X` are texts (``str``) or images (``pathlib.Path``, PIL images, ``uint8``
    arrays of shape (height, width, 3)); a 2-D float array is taken as embeddings.
    :meth:`paper` is the paper's recipe. A search over the radius that scores *texts*
    favours small radii, because there is no modality gap among texts, and warns: use
    :class:`~sklearn_tai.CrossModalSplit`, which scores images.

    Regions are the image tower's own patches, embedded in the same pass. The best 2 % of
    their logits are averaged, and 2 is subtracted (1.5 with a network), because the best of
    many regions score that high even if the label is absent. With w the `region_weight`,
    the logit of an image is 1 - w times the whole's plus w times that.

    Labels are far more frequent in texts than in images, and clearer. So logits of images are
    multiplied by `slope_` and moved by `offsets_`, which depend on the label's share among the
    texts. The kernel's become :math:`1.5 \\, (s_k - \\operatorname{logit} \\pi_k) - 3.3`: the
    evidence of the image, with a prior of 3.6 %, the share of images that show a label. These
    numbers were measured on photos with CLIP ViT-B/16; see `calibration` of the adapters.
    Logits of texts stay as they are, and so do those of scikit-learn's classifiers and of a
    classifier trained only on images.

    Unlabelled images, with only -1 in `y`, are only used by ``center``.

    References
    ----------
    .. [1] "Text as Image: Learning Transferable Adapter for Multi-Label
       Classification", arXiv:2312.04160.

    Examples
    --------
    >>> from sklearn_tai import (
    ...     OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
    ... )
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> generator = PromptCorpusGenerator(n_texts=300, random_state=0)
    >>> texts, Y = generator.generate(scenes.label_names)
    >>> clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)
    >>> clf.predict_proba(scenes.images[:3]).shape
    (3, 20)
    >>> clf.score(scenes.images, scenes.Y) > 0.5
    True
    """

    _parameter_constraints = {
        "encoder": [HasMethods("transform")],
        "perturbation": [BasePerturbation],
        "adapter": [
            BaseAdapter,
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "center": ["boolean"],
        "standardize": ["boolean"],
        "region_weight": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "threshold": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        encoder: Any = _ENCODER,
        perturbation: BasePerturbation = _PERTURBATION,
        adapter: Any = _ADAPTER,
        *,
        center: bool = False,
        standardize: bool = False,
        region_weight: float | str = "auto",
        threshold: float | str = "auto",
    ) -> None:
        self.encoder = _clone_if_default(encoder, _ENCODER)
        self.perturbation = _clone_if_default(perturbation, _PERTURBATION)
        self.adapter = _clone_if_default(adapter, _ADAPTER)
        self.center = center
        self.standardize = standardize
        self.region_weight = region_weight
        self.threshold = threshold

    @classmethod
    def paper(
        cls,
        setting: str = "zero-shot",
        encoder: Any = None,
        *,
        relative: bool = True,
        **adapter_params: Any,
    ) -> TextAsImageClassifier:
        """The paper's recipe: three layers of 2,048, and its noise.

        Parameters
        ----------
        setting : {"zero-shot", "few-shot", "partial-labels"}, default="zero-shot"
            "zero-shot" is for texts alone: noise of radius 25. "few-shot" is for texts and
            a few labelled images: radius 25 on texts and 1 on images. "partial-labels" is
            for images whose labels are partly known: texts are moved by their label
            combination (Eqs. 7-10), with noise of radius 10. The paper has thousands of
            images for that; with 250 or fewer the default classifier does far better.
        encoder : estimator or None, default=None
            None for CLIP RN50, the paper's.
        relative : bool, default=True
            Whether radii are a tenth of these, in mean norms of the text embeddings, which
            are about 10 for RN50. False uses the paper's numbers as they are.
        **adapter_params : dict
            Other parameters of the :class:`~sklearn_tai.MLPAdapter`.

        Returns
        -------
        TextAsImageClassifier
            An unfitted classifier.

        Raises
        ------
        ValueError
            If there is no such setting.

        Examples
        --------
        >>> from sklearn_tai import TextAsImageClassifier
        >>> TextAsImageClassifier.paper(random_state=0)
        TextAsImageClassifier(adapter=MLPAdapter(random_state=0),
                              encoder=OpenCLIPEncoder(model_name='RN50'),
                              perturbation=RandomPerturbation(radius=2.5))
        """
        unit = 0.1 if relative else 1
        recipes: dict[str, BasePerturbation] = {
            "zero-shot": RandomPerturbation(25 * unit, relative=relative),
            "few-shot": MixedPerturbation(
                25 * unit, 1 * unit, image_share=None, relative=relative
            ),
            "partial-labels": ShiftedPerturbation(
                10 * unit, offset_by="combination", shrinkage=0, relative=relative
            ),
        }
        if setting not in recipes:
            raise ValueError(f"setting={setting!r} is not one of the paper's {list(recipes)}.")
        encoder = OpenCLIPEncoder("RN50") if encoder is None else encoder
        return cls(encoder, recipes[setting], MLPAdapter(**adapter_params))

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, modality: Any = None) -> TextAsImageClassifier:
        """Train the adapter on texts, and on labelled images if there are any.

        Parameters
        ----------
        X : list of n_items texts and images, or array-like of shape (n_items, n_features)
            Training items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            1 if an item has the label, 0 if not, and for images -1 if unknown. Columns of a
            data frame name the labels. A sparse matrix stays sparse, except with
            :class:`~sklearn_tai.ShiftedPerturbation`, which averages over labels, and in
            the kernel, which stores one byte per entry.
        modality : array-like of shape (n_items,), default=None
            "text" or "image" for each row of embeddings; None if all are texts. Not needed
            for lists of items.

        Returns
        -------
        TextAsImageClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `X` is empty or contains NaN, `y` is not an indicator with as many rows, or
            `modality` is given for a list of items.

        Warns
        -----
        UserWarning
            If a label has no positive item, so nothing can be learnt about it.
        """
        self.encoder_ = self._clone_encoder()
        data = training_set(X, y, modality, lambda items: self._encode(items, reset=True))
        check_some_present(data)
        self._adapt(data)
        return self

    @available_if(_learns_more)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: Any, y: Any, modality: Any = None, classes: Any = None
    ) -> TextAsImageClassifier:
        """Learn more items and their new labels, if the adapter can.

        The result is the same as if ``fit`` had seen all items at once, and it only takes
        the time to encode the new ones.

        Parameters
        ----------
        X : list of n_items texts and images, or array-like of shape (n_items, n_features)
            New items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            As in :meth:`fit`. Columns of a data frame name the labels; those not in
            ``classes_`` are new. Labels that have no column for the old items, or for the
            new ones, count as absent in texts and as unknown in images.
        modality : array-like of shape (n_items,), default=None
            As in :meth:`fit`.
        classes : array-like of shape (n_labels,), default=None
            Names of the columns of an array; None for those of ``classes_`` in order, with
            numbers for further columns.

        Returns
        -------
        TextAsImageClassifier
            This classifier.

        Raises
        ------
        AttributeError
            With an adapter that would forget the old ones, such as a network.
        ValueError
            As in :meth:`fit`, if `classes` does not fit `y`, or if the perturbation has
            moved the texts.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklearn_tai import RandomPerturbation, TextAsImageClassifier
        >>> known, new = np.eye(3)[:2], np.eye(3)[2:]
        >>> clf = TextAsImageClassifier(perturbation=RandomPerturbation(radius=0.5))
        >>> clf.fit(known, pd.DataFrame({"dog": [1, 0], "cat": [0, 1]})).classes_.tolist()
        ['dog', 'cat']
        >>> clf.partial_fit(new, pd.DataFrame({"bird": [1]})).classes_.tolist()
        ['dog', 'cat', 'bird']
        >>> clf.predict(np.eye(3))
        array([[1, 0, 0],
               [0, 1, 0],
               [0, 0, 1]])
        """
        if not self.__sklearn_is_fitted__():
            self.fit(X, y, modality)
            if classes is not None:
                self.classes_ = name_columns(None, y, self.classes_, self.classes_, classes)
            return self
        if not self.adapter_.learns_more or "perturbation_" not in vars(self):
            raise ValueError(
                f"This classifier has a fitted {type(self.adapter_).__name__}, or was loaded "
                "without its perturbation, so it cannot learn more. Call fit with all items."
            )
        if self.perturbation_.moves_:
            raise ValueError(
                f"{type(self.perturbation_).__name__} has moved the texts to where the images "
                "are; more images would have moved them elsewhere. Call fit with all items."
            )
        new = training_set(X, y, modality, lambda items: self._encode(items, reset=False))
        names = name_columns(y, new.Y, new.classes, self.classes_, classes)
        embeddings, Y, is_image = self.adapter_.training_data()
        embeddings = self._centered(embeddings, ~is_image, back=True)
        old = TrainingSet(embeddings, Y, self.classes_, is_image, self.vocabulary_)
        earlier = self.unlabelled_mean_, self.n_unlabelled_
        self._adapt(merge(old, new._replace(classes=names)), earlier)
        return self

    def _adapt(self, data: TrainingSet, earlier: tuple[np.ndarray, int] | None = None) -> None:
        """Fit perturbation and adapter; `earlier` is the mean and number of unlabelled images."""
        embeddings, Y, self.classes_, is_image, self.vocabulary_ = data
        if self.standardize and len(self.classes_) < 2:
            raise ValueError("standardize=True takes two labels or more. Set it to False.")
        self.text_mean_ = self.image_mean_ = None
        if self.center:
            self.text_mean_, self.image_mean_ = modality_means(embeddings, is_image, earlier)
            embeddings = self._centered(embeddings, ~is_image)
        modality = np.where(is_image, "image", "text")
        self.perturbation_ = clone(self.perturbation).fit(embeddings, Y, modality=modality)
        embeddings = self.perturbation_.shift(embeddings, Y, is_image)
        labelled = labelled_mask(data)
        _, self.unlabelled_mean_ = modality_means(data.embeddings, ~labelled, earlier)
        self.n_unlabelled_ = int((~labelled).sum()) + (0 if earlier is None else earlier[1])
        adapter = clone(self.adapter)
        if not isinstance(adapter, BaseAdapter):
            adapter = ScikitLearnAdapter(adapter)
        training = TrainingData(embeddings[labelled], Y[labelled], is_image[labelled])
        self.adapter_ = adapter.fit(training, self.perturbation_)
        self.slope_, self.offsets_ = 1.0, np.zeros(len(self.classes_), np.float32)
        if not is_image.all():
            of_photos = self.adapter_.calibration
            self.slope_ = of_photos.slope
            offsets = of_photos.of_share * logit(label_prior(data)) + of_photos.intercept
            self.offsets_ = offsets.astype(np.float32)

    @property
    def _region_lift(self) -> float:
        return self.slope_ * self.adapter_.calibration.region_lift

    @property
    def threshold_(self) -> float:
        """The probability above which ``predict`` assigns a label."""
        if isinstance(self.threshold, str):
            return 0.2  # measured on photos
        return self.threshold

    def _decision_threshold(self) -> float:
        return self.threshold_

    def __sklearn_is_fitted__(self) -> bool:
        return "adapter_" in vars(self)

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits of the labels, or standardised probabilities with ``standardize``.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            As in :meth:`predict_proba`.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Scores, higher if a label is more likely.
        """
        if self.standardize:
            return scale(self.predict_proba(X).astype(float), axis=1)
        return self._outputs(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the labels, each on its own (rows do not sum to 1).

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings, optionally with those of their regions:
            (n_items, 1 + n_regions, n_features), the whole image first. An iterator is read
            as needed, so it may yield more images than fit in memory.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Probabilities.
        """
        return self._proba(self._outputs(X))

    def iter_predict_proba(
        self, X: Any, errors: list[ImageReadError] | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Probabilities of the labels, batch by batch, for more items than fit in memory.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            As in :meth:`predict_proba`.
        errors : list or None, default=None
            If the encoder lets unreadable images pass, their errors are appended here as
            :class:`~sklearn_tai.exceptions.ImageReadError`; None for a warning at the end.

        Yields
        ------
        rows : ndarray of int, shape (n_items_of_batch,)
            Which items of `X` they are.
        proba : ndarray of shape (n_items_of_batch, n_labels)
            Their probabilities.
        """
        for rows, logits in self._iter_outputs(X, errors):
            yield rows, self._proba(logits)

    def has_learnt(self, X: Any) -> np.ndarray:
        if not self.adapter_.learns_more:
            return super().has_learnt(X)
        data = self.adapter_.training_data()
        learnt = normalize(data.embeddings)
        parts = []
        for rows, embeddings, is_image in self._batches(X, [], regions=False):
            wholes = embeddings[:, 0] if embeddings.ndim == 3 else embeddings
            items = self._centered(wholes, np.full(len(rows), not is_image))
            items = items / np.linalg.norm(items, axis=1, keepdims=True)
            own = learnt[data.is_image == is_image]
            nearest = (items @ own.T).max(axis=1, initial=-1)
            parts.append((rows, nearest > _SAME))  # False for NaN (unread images)
        return in_order(parts)

    def set_params(self, **params: Any) -> TextAsImageClassifier:
        """Set parameters, as in any estimator.

        Parameters
        ----------
        **params : dict
            Parameters of the classifier and its parts.

        Returns
        -------
        TextAsImageClassifier
            This classifier.
        """
        super().set_params(**params)
        self._radius_is_tried = any(name.endswith("radius") for name in params)
        return self

    def _outputs(self, X: Any) -> np.ndarray:
        if vars(self).get("_radius_is_tried") and _are_texts(X):
            _warn_of_radius_by_texts()
        return super()._outputs(X)

    def _scores(self, embeddings: np.ndarray, is_image: bool) -> np.ndarray:
        is_text = np.full(len(embeddings), not is_image)
        logits = self.adapter_.decision_function(self._centered(embeddings, is_text))
        return self.slope_ * logits + self.offsets_ if is_image else logits

    def _to_proba(self, scores: np.ndarray) -> np.ndarray:
        return expit(scores)

    def _centered(
        self, embeddings: np.ndarray, is_text: np.ndarray, back: bool = False
    ) -> np.ndarray:
        """Subtract the mean of each modality, or with `back` add it, if ``center``."""
        if self.text_mean_ is None or self.image_mean_ is None:
            return embeddings
        means = np.where(is_text[:, None], self.text_mean_, self.image_mean_)
        return embeddings + means if back else embeddings - means

    def _encode(self, X: Any, reset: bool) -> np.ndarray:
        """Checked embeddings of training items."""
        embeddings = as_embeddings(X)
        if embeddings is not None:
            if np.ndim(embeddings) == 3:  # training ignores the regions
                embeddings = embeddings[:, 0]
            embeddings = validate_data(self, embeddings, reset=reset, dtype=np.float32, order="C")
            return check_range(embeddings)
        embeddings = self.encoder_.transform(X)
        if not reset:
            self._check_width(embeddings)
            return np.asarray(embeddings, np.float32)
        return validate_data(
            self, embeddings, reset=True, dtype=np.float32, ensure_all_finite="allow-nan"
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if not hasattr(self.adapter, "__sklearn_tags__"):  # fit will reject it
            return tags
        tags.non_deterministic = get_tags(self.adapter).non_deterministic
        if not isinstance(self.adapter, BaseAdapter):  # fitted on randomly drawn noise
            tags.non_deterministic |= self.perturbation.random_state is None
        return tags
