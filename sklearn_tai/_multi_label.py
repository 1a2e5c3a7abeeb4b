"""What all multi-label classifiers of this package share."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin

from .metrics import map_scorer


class MultiLabelClassifierMixin(ClassifierMixin):
    """The score and the tags of a multi-label classifier."""

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.input_tags.string = True
        return tags
