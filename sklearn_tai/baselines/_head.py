"""Shared by the rivals that learn a head on embeddings of whole items."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from .._sklearn_compat import HasMethods, Interval
from .._typing import Constraints, Items
from ..base import MultiLabelClassifierMixin
from ..inputs import as_embeddings, check_range


class HeadClassifier(MultiLabelClassifierMixin, BaseEstimator):
    """Base of the classifiers that train a head; not for use by itself."""

    _parameter_constraints: Constraints = {
        "encoder": [HasMethods("transform"), None],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_lr": [Interval(Real, 0, None, closed="neither")],
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "device": [str, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _embed(self, X: Items, reset: bool) -> np.ndarray:
        embeddings = as_embeddings(X)
        if embeddings is None:
            embeddings = self.encoder_.transform(X)
        return check_range(validate_data(self, embeddings, reset=reset, dtype=np.float32))

    def _logits(self, embeddings: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def decision_function(self, X: Items) -> np.ndarray:
        """Scores of the labels.

        Parameters
        ----------
        X : list of n_items images or texts, or array-like of shape (n_items, n_features)
            Items, or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Scores, as logits.
        """
        check_is_fitted(self)
        return self._logits(self._embed(X, reset=False))

    def predict_proba(self, X: Items) -> np.ndarray:
        """The logistic function of the scores.

        Parameters
        ----------
        X : list of n_items images or texts, or array-like of shape (n_items, n_features)
            Items, or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            In [0, 1].
        """
        return expit(self.decision_function(X))
