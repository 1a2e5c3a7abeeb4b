"""Shared by the classifiers that adjust the output of another classifier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import logit
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from .._sklearn_compat import num_samples, safe_indexing
from .._typing import Classifier, Estimator, Items, Labels, Splits
from ..base import MultiLabelClassifierMixin
from ..inputs import check_indicator, column_names, join, vocabulary_of, was_read
from ..metrics import label_scores
from ..model_selection import CrossModalSplit

_MIN_PROBABILITY = 1e-7  # as logits of 0 and 1 are infinite


def to_logits(proba: npt.ArrayLike) -> np.ndarray:
    """Finite logits of probabilities; rows of NaN stay."""
    proba = np.asarray(proba, dtype=float)
    if (proba < 0).any() or (proba > 1).any():
        raise ValueError(
            "predict_proba of the estimator returned values outside of 0 to 1, which are not "
            "probabilities."
        )
    return logit(np.clip(proba, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY))


def _fit_and_score(
    estimator: Estimator,
    X: Items,
    y: Labels,
    train: np.ndarray,
    test: np.ndarray,
    methods: tuple[str, str],
) -> np.ndarray:
    fitted = clone(estimator).fit(safe_indexing(X, train), safe_indexing(y, train))
    return label_scores(fitted, safe_indexing(X, test), methods)


def _check_not_learnt(estimator: Any, X: Items) -> None:
    while isinstance(estimator, FrozenEstimator | PostHocClassifier):
        frozen = isinstance(estimator, FrozenEstimator)
        estimator = estimator.estimator if frozen else estimator.estimator_
    learnt = isinstance(estimator, MultiLabelClassifierMixin) and estimator.has_learnt(X)
    if np.any(learnt):
        raise ValueError(
            f"X contains {np.sum(learnt)} items that the estimator was fitted on; their scores "
            "say nothing about new ones. Give others, or leave FrozenEstimator out and pass texts "
            "and images in one list, which are cross-validated."
        )


class PostHocClassifier(MultiLabelClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Base of the classifiers that learn from the scores of another one."""

    estimator: Estimator
    cv: Splits
    n_jobs: int | None
    estimator_: Classifier

    def _held_out(
        self, X: Items, y: Labels, methods: tuple[str, str]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Scores of items that the estimator has not learned from, and their labels.

        A FrozenEstimator scores all of `X`. Any other estimator is cross-validated, then
        fitted on all of `X`. Items that could not be read are left out. Sets `estimator_`,
        `classes_` and the attributes of the features.
        """
        X = list(X) if isinstance(X, Iterator) else X
        n_items = num_samples(X)
        labels: np.ndarray | None = None
        names: np.ndarray | None = None
        if y is not None:
            may_be_unknown = np.ones(n_items, dtype=bool)
            labels, names = check_indicator(y, n_items, may_be_unknown=may_be_unknown)
        if isinstance(self.estimator, FrozenEstimator):
            self.estimator_ = self.estimator
            if y is not None:
                _check_not_learnt(self.estimator_, X)
            scores = label_scores(self.estimator_, X, methods)
        elif y is None:
            raise ValueError(
                "Without y the estimator must be fitted already. Give "
                "estimator=sklearn.frozen.FrozenEstimator(fitted_classifier), or pass y."
            )
        else:
            y = y.tocsr() if sparse.issparse(y) else y  # other sparse formats cannot select rows
            y = y if hasattr(y, "shape") else labels
            splits = list(self._splitter(X).split(X, labels))
            parts = Parallel(n_jobs=self.n_jobs)(
                delayed(_fit_and_score)(self.estimator, X, y, train, test, methods)
                for train, test in splits
            )
            scores = np.concatenate(parts)
            assert labels is not None
            labels = labels[np.concatenate([test for _, test in splits])]
            self.estimator_ = clone(self.estimator).fit(X, y)
        if scores.ndim != 2:
            raise ValueError(
                f"The estimator's scores have shape {scores.shape}; expected (n_items, n_labels). "
                "Give a multi-label classifier."
            )
        self.classes_ = self._label_names(scores.shape[1], names, y)
        self._take_features_of(self.estimator_)
        known = getattr(self.estimator_, "vocabulary_", None)
        self.vocabulary_ = join([known, vocabulary_of(y)])
        read = was_read(scores)
        if not read.any():
            raise ValueError("X contains no image that could be read. Give others.")
        return scores[read], None if labels is None else labels[read]

    def _splitter(self, X: Items) -> Any:
        """Splits; with texts, images are scored after training on all texts and other images."""
        n_texts = sum(isinstance(item, str) for item in X) if isinstance(X, list) else 0
        if self.cv is None and 0 < n_texts < len(X):
            return CrossModalSplit(5, train_images=True, random_state=0)
        return check_cv(self.cv)

    def _label_names(self, n_labels: int, names: np.ndarray | None, y: Labels) -> np.ndarray:
        """The labels of the estimator, which must agree with those of `y`."""
        if names is not None and len(names) != n_labels:
            raise ValueError(
                f"y has {len(names)} columns but the estimator scores {n_labels} labels; give one "
                "column for each label."
            )
        given = column_names(y)
        known = self.estimator_.classes_  # a list of arrays for forests
        if not isinstance(known, np.ndarray) or known.shape != (n_labels,):
            return np.arange(n_labels) if names is None else names
        if given is not None and known.dtype.kind in "UO" and list(known) != list(given):
            raise ValueError(
                f"The columns of y are {list(given)[:5]}..., the labels of the estimator "
                f"{list(known)[:5]}...; give them in the order of the estimator: "
                "y[estimator.classes_]."
            )
        return known
