"""What all multi-label classifiers of this package share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.exceptions import InconsistentVersionWarning

from . import __version__
from .encoders import OpenCLIPEncoder
from .metrics import map_scorer


class _OtherVersionWarning(InconsistentVersionWarning):
    """scikit-learn's warning, with the name of this package."""

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by version {self.original_sklearn_version} of "
            f"sklearn-tai and is loaded by version {self.current_sklearn_version}. It may work in "
            "another way or not at all; fit it again to be sure."
        )


def check_version(name: str, version: str) -> None:
    """Warn, as scikit-learn does, of an estimator that another version has saved."""
    if version != __version__:
        warnings.warn(
            _OtherVersionWarning(
                estimator_name=name,
                current_sklearn_version=__version__,
                original_sklearn_version=version,
            ),
            stacklevel=3,
        )


class MultiLabelClassifierMixin(ClassifierMixin):
    """The decisions, the score, the tags and the pickling of a multi-label classifier."""

    predict_proba: Any
    threshold: Any
    encoder: Any

    def predict(self, X: Any) -> np.ndarray:
        """Which labels have a probability above `threshold`.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            An indicator of 0 and 1; -1 for images that could not be read, if the
            encoder lets them pass.
        """
        proba = self.predict_proba(X)
        return np.where(np.isnan(proba), -1, proba > self._decision_threshold())

    def _decision_threshold(self) -> float:
        return self.threshold

    def _clone_encoder(self) -> Any:
        """The encoder to use: a clone, or OpenCLIPEncoder() where the user gave none."""
        encoder = OpenCLIPEncoder() if self.encoder is None else self.encoder
        # an encoder that is no estimator may hold its weights: do not copy it
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.input_tags.string = True
        return tags
