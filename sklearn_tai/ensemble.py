"""Score integration: several classifiers, one matrix of scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import Tags
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from ._sklearn_compat import StrOptions, fit_context
from ._typing import Estimator, Items, Labels, Settings
from .base import MultiLabelClassifierMixin
from .inputs import join, with_groups
from .metrics import label_scores


class ScoreEnsemble(MultiLabelClassifierMixin, _BaseComposition):
    """Weighted mean of the scaled scores of several multi-label classifiers [1]_.

    Classifiers of different kinds (an adapter trained on texts, zero-shot CLIP) make
    different errors, but their scores have different scales. The whole score matrix of each
    is scaled to the range 0 to 1 by its smallest and largest entry, or probabilities are
    used as they are. Then they are averaged.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Multi-label classifiers with ``decision_function`` or ``predict_proba``. Wrap those
        that are already fitted in :class:`sklearn.frozen.FrozenEstimator`; if all are,
        :meth:`fit` only learns the scales, and needs no `y`.
    weights : array-like of shape (n_estimators,) or None, default=None
        Weights of the mean; None for equal ones, as in the paper.
    scaling : {"minmax"}, None or list of n_estimators of them, default="minmax"
        "minmax" scales scores to the range 0 to 1; None uses probabilities as they are. The
        paper averages an adapter's probabilities with scaled scores of CoOp or DualCoOp:
        ``[None, "minmax"]``.
    scale_on : {"batch", "fit"}, default="batch"
        "batch" scales by the smallest and largest score of the items that are scored, as the
        published evaluation does: good for ranking a whole test set, but the score of an item
        depends on the others. "fit" learns the scale in :meth:`fit` and keeps it; scores
        beyond it are clipped.
    threshold : float, default=0.5
        ``predict`` assigns a label if its score is above this.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted estimators.
    ranges_ : ndarray of shape (n_estimators, 2) or None
        Smallest and largest score of each estimator on the data of ``fit``, 0 and 1 of
        probabilities; None if ``scale_on="batch"``.
    classes_ : ndarray of shape (n_labels,)
        The labels, by name where an estimator knows them.

    See Also
    --------
    TextAsImageClassifier : Trained on texts.
    ZeroShotClassifier : CLIP without training.

    Notes
    -----
    With ``scale_on="fit"``, fit on *images*: scores of texts have another range.

    References
    ----------
    .. [1] "Text as Image: Learning Transferable Adapter for Multi-Label
       Classification", arXiv:2312.04160, section 8.

    Examples
    --------
    >>> from sklearn_tai import (
    ...     OpenCLIPEncoder, PromptCorpusGenerator, ScoreEnsemble, TextAsImageClassifier,
    ...     ZeroShotClassifier,
    ... )
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
    >>> adapter = TextAsImageClassifier(
    ...     encoder
    ... )
    >>> generator = PromptCorpusGenerator(n_texts=300, random_state=0)
    >>> ensemble = ScoreEnsemble(
    ...     [("adapter", adapter), ("clip", ZeroShotClassifier(scenes.label_names, encoder))]
    ... ).fit(*generator.generate(scenes.label_names))
    >>> ensemble.score(scenes.images, scenes.Y) > 0.5
    True
    """

    _parameter_constraints = {
        "estimators": [list],
        "weights": ["array-like", None],
        "scaling": [StrOptions({"minmax"}), None, list],
        "scale_on": [StrOptions({"batch", "fit"})],
        "threshold": [float, int],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Estimator]],
        weights: Sequence[float] | None = None,
        scaling: str | list[str | None] | None = "minmax",
        *,
        scale_on: str = "batch",
        threshold: float = 0.5,
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.scaling = scaling
        self.scale_on = scale_on
        self.threshold = threshold

    def get_params(self, deep: bool = True) -> Settings:
        """Parameters, also those of the estimators as ``name__parameter``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the estimators and their parameters.

        Returns
        -------
        dict
            Names and values.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> ScoreEnsemble:
        """Set parameters, also those of the estimators.

        Parameters
        ----------
        **params : dict
            Parameters.

        Returns
        -------
        ScoreEnsemble
            This estimator.
        """
        self._set_params("estimators", **params)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Items, y: Labels = None, **fit_params: Any) -> ScoreEnsemble:
        """Fit the estimators on the same data, and learn the scales.

        Parameters
        ----------
        X : list of n_items, or array-like of shape (n_items, n_features)
            Items or embeddings, as the estimators take them.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            Labels; None if the estimators need none.
        **fit_params : dict
            Passed to the estimators that take them, such as ``modality``.

        Returns
        -------
        ScoreEnsemble
            The fitted ensemble.

        Raises
        ------
        ValueError
            If there are no estimators, names, weights or scaling do not fit, or the
            estimators do not agree on the labels.
        TypeError
            If no estimator takes a parameter of `fit_params`, or one that is not scaled has
            no ``predict_proba``.
        """
        if not self.estimators:
            raise ValueError("estimators is empty; give at least one (name, estimator).")
        if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in self.estimators):
            raise ValueError(
                f"estimators must hold (name, estimator) pairs; got {self.estimators}."
            )
        names, estimators = zip(*self.estimators)
        self._validate_names(names)
        weights = self._check_weights()
        if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() == 0:
            raise ValueError(f"weights must be 0 or more and not all 0; got {self.weights!r}.")
        for name, estimator, is_scaled in zip(names, estimators, self._is_scaled()):
            if not is_scaled and not hasattr(estimator, "predict_proba"):
                raise TypeError(
                    f"Estimator {name!r} has no predict_proba, so its scores must be scaled: set "
                    "its scaling to 'minmax'."
                )
        takes = [{k for k in fit_params if has_fit_parameter(e, k)} for e in estimators]
        unknown = sorted(set(fit_params) - set().union(*takes))
        if unknown:
            raise TypeError(f"No estimator's fit takes {unknown}; check the spelling.")
        X = list(X) if isinstance(X, Iterator) else X  # every estimator reads it
        self.estimators_ = [
            clone(estimator).fit(X, y, **{k: fit_params[k] for k in own})
            for estimator, own in zip(estimators, takes)
        ]
        for estimator in reversed(self.estimators_):  # so that the first one that knows them wins
            self._take_features_of(estimator)
        self.classes_ = self._check_classes()
        self.vocabulary_ = join(getattr(e, "vocabulary_", None) for e in self.estimators_)
        self.ranges_ = None
        if self.scale_on == "fit":
            self.ranges_ = self._ranges(self._raw_scores(X))
        return self

    def _check_classes(self) -> np.ndarray:
        """The labels; if they are named, all estimators must have them in the same order."""
        named = None
        for (name, _), estimator in zip(self.estimators, self.estimators_):
            classes = estimator.classes_
            n_labels, n_first = len(classes), len(self.estimators_[0].classes_)
            if n_labels != n_first:
                raise ValueError(
                    f"Estimator {name!r} has {n_labels} labels but {self.estimators[0][0]!r} has "
                    f"{n_first}; fit all of them on the same labels."
                )
            if np.asarray(classes[0]).dtype.kind in "UO":
                if named is not None and list(classes) != list(named):
                    raise ValueError(
                        f"Estimator {name!r} has the labels {list(classes)[:5]}..., others have "
                        f"{list(named)[:5]}...; give all the same labels in the same order."
                    )
                named = classes
        return self.estimators_[0].classes_ if named is None else named

    def _check_weights(self) -> np.ndarray:
        if self.weights is None:
            return np.ones(len(self.estimators))
        weights = np.asarray(self.weights, dtype=float)
        if weights.shape != (len(self.estimators),):
            raise ValueError(
                f"weights has shape {weights.shape}; expected ({len(self.estimators)},), one for "
                "each estimator."
            )
        return weights

    def _is_scaled(self) -> list[bool]:
        n = len(self.estimators)
        scaling = self.scaling if isinstance(self.scaling, list) else [self.scaling] * n
        if len(scaling) != n or any(one not in ("minmax", None) for one in scaling):
            raise ValueError(
                f"scaling={self.scaling!r} must hold 'minmax' or None for each of the {n} "
                "estimators."
            )
        return [one is not None for one in scaling]

    def _raw_scores(self, X: Items) -> list[np.ndarray]:
        X = list(X) if isinstance(X, Iterator) else X
        methods = ("decision_function", "predict_proba")
        return [
            label_scores(estimator, X, methods if is_scaled else methods[::-1])
            for estimator, is_scaled in zip(self.estimators_, self._is_scaled())
        ]

    def _ranges(self, scores: list[np.ndarray]) -> np.ndarray:
        """For each estimator, the scores that become 0 and 1."""
        pairs = [
            (s.min(), s.max()) if is_scaled else (0, 1)
            for s, is_scaled in zip(scores, self._is_scaled())
        ]
        return np.array(pairs, dtype=float)

    def predict_proba(self, X: Items) -> np.ndarray:
        """Weighted mean of the scaled scores.

        Parameters
        ----------
        X : list of n_items, or array-like of shape (n_items, n_features)
            Items or embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            In [0, 1]. They rank, but are not calibrated probabilities.
        """
        check_is_fitted(self)
        scores = self._raw_scores(X)
        ranges = self._ranges(scores) if self.ranges_ is None else self.ranges_
        scores = [
            np.clip((s - low) / ((high - low) or 1.0), 0, 1)
            for s, (low, high) in zip(scores, ranges)
        ]
        mean = np.average(scores, axis=0, weights=self._check_weights())
        return with_groups(mean, self.vocabulary_, self.classes_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
