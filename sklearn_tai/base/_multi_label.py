"""Shared by the multi-label classifiers of this package."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.utils import Tags, check_scalar
from sklearn.utils.validation import check_is_fitted

from .. import __version__
from .._sklearn_compat import num_samples
from ..encoders import OpenCLIPEncoder
from ..inputs import Vocabulary, check_indicator, first_of_exclusive, was_read, with_groups
from ..metrics import map_scorer
from ._version import check_version


class MultiLabelClassifierMixin(ClassifierMixin):
    """Decisions, score, tags and pickling of a multi-label classifier."""

    predict_proba: Any
    threshold: Any
    encoder: Any
    classes_: Any
    vocabulary_: Vocabulary | None = None  # no known relations between labels

    def predict(self, X: Any) -> np.ndarray:
        """Assign the labels whose probability, or score, is above their threshold.

        A group is assigned along with any of its members. Of exclusive labels, only the one
        furthest above its threshold is assigned.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            An indicator of 0 and 1; -1 for images that could not be read, if the encoder
            lets these pass.
        """
        scores = self._decision_scores(X)
        margins = scores - self._decision_threshold()
        margins = first_of_exclusive(margins, self.vocabulary_, self.classes_)
        named = with_groups(margins, self.vocabulary_, self.classes_) > 0
        return np.where(was_read(scores)[:, None], named, -1)

    def has_learnt(self, X: Any) -> np.ndarray:
        """Tell which items it was fitted on, as far as it remembers.

        Scores of these say nothing about new items. A
        :class:`~sklearn_tai.TextAsImageClassifier` remembers with a
        :class:`~sklearn_tai.KernelAdapter`; other classifiers remember nothing.

        Parameters
        ----------
        X : list of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of bool, shape (n_items,)
            True if an item was in ``fit`` or ``partial_fit``.
        """
        return np.zeros(num_samples(X), dtype=bool)

    def predict_top_k(self, X: Any, k: int = 3) -> list[list[tuple[Any, float]] | None]:
        """The k most probable labels of each item; no threshold is needed.

        Of exclusive labels, only the most probable is included.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.
        k : int, default=3
            Labels for each item; all of them if there are fewer.

        Returns
        -------
        list of n_items lists of (label, float)
            Labels with their probabilities, the most probable first; None for images that
            could not be read, if the encoder lets these pass.

        Examples
        --------
        >>> from sklearn_tai import OpenCLIPEncoder, ZeroShotClassifier
        >>> from sklearn_tai.datasets import load_emoji_scenes
        >>> scenes = load_emoji_scenes()
        >>> clf = ZeroShotClassifier(scenes.label_names, OpenCLIPEncoder("tai-tiny")).fit()
        >>> clf.predict_top_k(scenes.images[:1], k=2)
        [[('aeroplane', 0.99...), ('bus', 0.00...)]]
        """
        check_scalar(k, "k", Integral, min_val=1)
        proba = np.asarray(self.predict_proba(X))
        # a stable sort keeps the order of equally likely labels
        held = first_of_exclusive(proba, self.vocabulary_, self.classes_)
        best = np.argsort(-held, axis=1, kind="stable")[:, :k]
        n_held = np.isfinite(held).sum(axis=1)  # 0 for an image that could not be read
        labels = np.asarray(self.classes_)
        return [
            list(zip(labels[own[:n]].tolist(), row[own].tolist())) if n else None
            for row, own, n in zip(held, best, n_held)
        ]

    def inverse_transform(self, Y: Any) -> list[tuple[Any, ...] | None]:
        """Turn rows of an indicator into labels, like MultiLabelBinarizer.

        Parameters
        ----------
        Y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            What :meth:`predict` returns: 1 if an item has a label. Unknown entries (-1) are
            left out.

        Returns
        -------
        list of n_items tuples
            Labels in the order of `classes_`; None for rows of only -1, such as images that
            could not be read.

        Raises
        ------
        ValueError
            If `Y` does not have one column per label, or has values other than 1, 0 and -1.

        Examples
        --------
        >>> from sklearn_tai import OpenCLIPEncoder, ZeroShotClassifier
        >>> from sklearn_tai.datasets import load_emoji_scenes
        >>> scenes = load_emoji_scenes()
        >>> clf = ZeroShotClassifier(scenes.label_names, OpenCLIPEncoder("tai-tiny")).fit()
        >>> clf.inverse_transform(clf.predict(scenes.images[:2]))
        [('aeroplane',), ('bicycle',)]
        """
        check_is_fitted(self)
        n_rows = Y.shape[0] if hasattr(Y, "shape") else len(Y)
        matrix, _ = check_indicator(Y, n_rows, may_be_unknown=np.ones(n_rows, dtype=bool))
        labels = np.asarray(self.classes_)
        if matrix.shape[1] != len(labels):
            raise ValueError(
                f"Y has {matrix.shape[1]} columns but there are {len(labels)} labels; give one "
                "column for each label."
            )
        return [None if (row < 0).all() else tuple(labels[row == 1].tolist()) for row in matrix]

    def _decision_scores(self, X: Any) -> np.ndarray:
        """The scores that are compared with the threshold."""
        return self.predict_proba(X)

    def _take_features_of(self, fitted: Any) -> None:
        """Copy the number and names of the features, if `fitted` has them."""
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))

    def _decision_threshold(self) -> Any:
        return self.threshold

    def _clone_encoder(self) -> Any:
        """A clone of the encoder, or OpenCLIPEncoder() if the user gave none."""
        encoder = OpenCLIPEncoder() if self.encoder is None else self.encoder
        # other encoders may hold their weights: do not copy them
        return clone(encoder) if hasattr(encoder, "get_params") else encoder

    def score(self, X: Any, y: Any, sample_weight: None = None) -> float:
        """Mean average precision; see :func:`~sklearn_tai.metrics.mean_average_precision`.

        Parameters
        ----------
        X : list of n_items images or texts, or array-like of shape (n_items, n_features)
            Items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            True labels; -1 where unknown.
        sample_weight : None
            Not supported.

        Returns
        -------
        float
            In [0, 1].
        """
        if sample_weight is not None:
            raise ValueError("score does not support sample_weight; pass None.")
        return map_scorer(self, X, y)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_sklearn_tai_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        check_version(type(self).__name__, state.pop("_sklearn_tai_version", "before 0.1"))
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.input_tags.string = True
        return tags
