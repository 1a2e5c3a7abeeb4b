"""Local evidence: score an image and parts of it, then pool the scores."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._cropping import GRIDS, Pieces, crop_batches, pool_scores
from ._sklearn_compat import HasMethods, Interval, Options, StrOptions, estimator_has, fit_context
from .base import MultiLabelClassifierMixin
from .ensemble import ScoreEnsemble
from .exceptions import ImageReadError, UnreadableImagesWarning
from .inputs import as_embeddings, was_read
from .metrics import label_scores

__all__ = ["MultiCropClassifier"]


class MultiCropClassifier(MetaEstimatorMixin, MultiLabelClassifierMixin, BaseEstimator):
    """Score the whole image and tiles of it, and pool the scores of each label.

    One embedding of a whole scene says little of small objects. In a tile they are
    large. Training does not change: texts have no tiles.

    Parameters
    ----------
    estimator : estimator
        A multi-label classifier of images with ``decision_function`` or
        ``predict_proba``. One that is fitted already goes into
        :class:`sklearn.frozen.FrozenEstimator`.
    n_crops : {1, 5, 10, 14, 30}, default=5
        What is scored of an image: 1 the whole; 5 the whole and 2 x 2 tiles; 10 the
        whole and 3 x 3; 14 the whole, 2 x 2 and 3 x 3; 30 all these and 4 x 4. The time
        grows with it.
    pooling : {"soft", "max", "mean"}, default="soft"
        How the scores of the tiles become one: "max" takes the highest, "mean" the mean,
        "soft" a mean in which high scores weigh more (see Notes).
    overlap : float, default=1/3
        Share of a tile's side that the next tile covers too, in [0, 1): an object that
        one tile cuts through is whole in another.
    whole_weight : float or None, default=0.3
        Weight of the whole image's score in the result, in [0, 1]; the tiles have the
        rest. None pools the whole as one more tile.
    temperature : float, default=0.5
        Of "soft": near "max" where it is small, near "mean" where it is large.
    min_size : int, default=32
        Tiles with a side of fewer pixels are not cut. What is left of a small image is
        the whole.
    threshold : float or None, default=None
        ``predict`` names a label where its probability is above this; None for the
        threshold of `estimator`, or 0.5 if it has none.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    classes_ : ndarray of shape (n_labels,)
        The labels of the estimator.

    See Also
    --------
    ScoreEnsemble : Pools the scores of several classifiers.

    Notes
    -----
    Let :math:`s_{ck}` be the score of tile c for label k and :math:`\\sigma` the standard
    deviation of all of an image's :math:`s_{ck}`. "soft" is, with temperature t,

    .. math:: s_k = \\sum_c w_{ck} s_{ck}, \\qquad
       w_{ck} = \\mathrm{softmax}_c \\left( \\frac{s_{ck}}{t \\sigma} \\right)

    Dividing by :math:`\\sigma` makes the weights the same for cosines, logits and
    probabilities, whatever their scale. Each method pools what it returns:
    ``decision_function`` the logits, ``predict_proba`` the probabilities, so the two may
    rank a little differently.

    Every crop is an image to the encoder's cache.

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder, ZeroShotClassifier
    >>> from sklearn_tai import MultiCropClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> images, Y = scenes.images[:40], scenes.Y[:40]
    >>> whole = ZeroShotClassifier(scenes.label_names, OpenCLIPEncoder("tai-tiny")).fit()
    >>> crops = MultiCropClassifier(whole).fit()
    >>> crops.score(images, Y) > whole.score(images, Y) + 0.1
    True
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "n_crops": [Options(Integral, set(GRIDS))],
        "pooling": [StrOptions({"soft", "max", "mean"})],
        "overlap": [Interval(Real, 0, 1, closed="left")],
        "whole_weight": [Interval(Real, 0, 1, closed="both"), None],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "min_size": [Interval(Integral, 1, None, closed="left")],
        "threshold": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self,
        estimator: Any,
        n_crops: int = 5,
        *,
        pooling: str = "soft",
        overlap: float = 1 / 3,
        whole_weight: float | None = 0.3,
        temperature: float = 0.5,
        min_size: int = 32,
        threshold: float | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_crops = n_crops
        self.pooling = pooling
        self.overlap = overlap
        self.whole_weight = whole_weight
        self.temperature = temperature
        self.min_size = min_size
        self.threshold = threshold

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any = None, y: Any = None, **fit_params: Any) -> MultiCropClassifier:
        """Fit the estimator on the items as they are, uncut.

        Parameters
        ----------
        X : list of n_items, or array-like of shape (n_items, n_features)
            Items or embeddings, as the estimator takes them; None if it needs none.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            Labels; None if the estimator needs none.
        **fit_params : dict
            Passed to the estimator, such as ``modality``.

        Returns
        -------
        MultiCropClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the scores of the estimator depend on the items beside them.
        """
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        self._check_scores_are_independent()
        self.classes_ = self.estimator_.classes_
        self._take_features_of(self.estimator_)
        return self

    def _check_scores_are_independent(self) -> None:
        estimator = self.estimator_
        while isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        if (
            self.n_crops > 1
            and isinstance(estimator, ScoreEnsemble)
            and estimator.scaling is not None
            and estimator.ranges_ is None
        ):
            raise ValueError(
                "estimator is a ScoreEnsemble that scales scores by the batch, and crops come in "
                "many batches. Set scale_on='fit', or give MultiCropClassifiers to the ensemble."
            )

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Pooled ``decision_function`` of the estimator.

        Parameters
        ----------
        X : list or iterator of n_items
            Images, which are cut, and texts, which are not. An iterator is read as it is
            needed. With ``n_crops=1`` also embeddings, as the estimator takes them.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Scores. NaN for images that could not be read, if the encoder lets them pass.

        Raises
        ------
        ValueError
            If `X` holds embeddings, which cannot be cut, or an image cannot be read.
        FileNotFoundError
            If there is no file at a path.

        Warns
        -----
        UserWarning
            If images could not be read and the encoder lets them pass.
        """
        return self._pooled(X, "decision_function")

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Pooled ``predict_proba`` of the estimator.

        Parameters
        ----------
        X : list or iterator of n_items
            As in :meth:`decision_function`, with the same errors and warnings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            In [0, 1] where those of the estimator are; NaN as in
            :meth:`decision_function`.
        """
        return self._pooled(X, "predict_proba")

    def _pooled(self, X: Any, method: str) -> np.ndarray:
        check_is_fitted(self)
        if self.n_crops == 1:
            return label_scores(self.estimator_, X, (method, method))
        if as_embeddings(X) is not None:
            raise ValueError(
                "X is a matrix of embeddings, which cannot be cut into crops. Give the images "
                "themselves, or set n_crops=1."
            )
        self._check_scores_are_independent()
        rows: list[np.ndarray] = []
        errors: list[ImageReadError] = []
        for batch in crop_batches(X, GRIDS[self.n_crops], self.overlap, self.min_size):
            scores = self._scores(batch, method)
            ends = np.cumsum([len(pieces.parts) for pieces in batch])
            for pieces, part in zip(batch, np.split(scores, ends[:-1])):
                rows.append(pool_scores(part, self.pooling, self.whole_weight, self.temperature))
                if not was_read(rows[-1][None]).all():
                    reason = "the image cannot be brought to the size of the model"
                    errors.append(
                        pieces.error or ImageReadError(pieces.index, None, reason, "Crop it")
                    )
            batch.clear()  # its pixels, before the next are read
        if errors:
            warnings.warn(UnreadableImagesWarning(errors), stacklevel=3)
        return np.stack(rows)

    def _scores(self, batch: list[Pieces], method: str) -> np.ndarray:
        """Scores of all crops; messages speak of the items of the user's ``X``."""
        parts = [part for pieces in batch for part in pieces.parts]
        owners = [pieces.index for pieces in batch for _ in pieces.parts]
        try:
            with warnings.catch_warnings():  # all of it is said once, at the end
                warnings.simplefilter("ignore", UnreadableImagesWarning)
                return label_scores(self.estimator_, parts, (method, method))
        except ImageReadError as error:
            index = owners[error.index]
            raise type(error)(index, error.path, error.reason, error.remedy) from error
        except ValueError:
            unread = [pieces.error for pieces in batch if pieces.error]
            if unread:  # the estimator takes no NaN
                raise unread[0] from None
            raise

    def _decision_threshold(self) -> float:
        if self.threshold is not None:
            return self.threshold
        known = getattr(self.estimator_, "_decision_threshold", None)
        return 0.5 if known is None else known()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.target_tags.required = inner.target_tags.required
        tags.non_deterministic = inner.non_deterministic
        tags.input_tags.sparse = inner.input_tags.sparse
        return tags
