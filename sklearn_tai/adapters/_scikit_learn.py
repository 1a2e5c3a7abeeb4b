"""Any multi-label classifier of scikit-learn as the adapter."""

from __future__ import annotations

import warnings
from typing import NoReturn

import numpy as np
from scipy import sparse
from scipy.special import logit
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning

from .._typing import Arrays, Estimator, Settings
from ..metrics import label_scores
from ..perturbation import BasePerturbation
from ._base import BaseAdapter, TrainingData

_MIN_PROBABILITY = 1e-12


class ScikitLearnAdapter(BaseAdapter):
    """A multi-label classifier fitted on one noisy copy of the embeddings.

    A classifier passed as the `adapter` of :class:`~sklearn_tai.TextAsImageClassifier` is
    wrapped in this class.

    Parameters
    ----------
    estimator : estimator
        Takes an indicator matrix for `y`.

    Attributes
    ----------
    estimator_ : estimator
        The fitted classifier.
    n_labels_ : int
        Number of labels.
    input_norm_ : float
        Mean norm of the embeddings it was fitted on, without noise.
    """

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator

    def fit(self, data: TrainingData, noise: BasePerturbation) -> ScikitLearnAdapter:
        """Fit the classifier on embeddings with noise.

        Parameters
        ----------
        data : TrainingData
            Embeddings with their labels.
        noise : BasePerturbation
            The fitted perturbation.

        Returns
        -------
        ScikitLearnAdapter
            The fitted adapter.

        Raises
        ------
        ValueError
            If labels are unknown (-1), or the perturbation asks for a share of images.
        """
        X, Y, is_image = data
        name = type(self.estimator).__name__
        if is_image.any() and noise.image_share not in (None, 0):
            raise ValueError(
                f"{name} is fitted on one draw and cannot use image_share="
                f"{noise.image_share!r} of {type(noise).__name__}. Set it to None."
            )
        if noise.image_share == 0 and not is_image.all():  # ignore the images
            X, Y, is_image = X[~is_image], Y[~is_image], is_image[~is_image]
        if (Y == -1).sum():
            raise ValueError(
                f"{name} cannot learn from unknown labels (-1). Leave those images out, or take "
                "a KernelAdapter or MLPAdapter."
            )
        self.n_labels_ = Y.shape[1]
        labels = (Y.toarray() if sparse.issparse(Y) else Y).astype(int)
        with warnings.catch_warnings():  # scikit-learn warns about a y of one column
            warnings.simplefilter("ignore", DataConversionWarning)
            self.estimator_ = clone(self.estimator).fit(noise.sample(X, is_image), labels)
        self.input_norm_ = float(np.linalg.norm(X, axis=1).mean())
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        scores = label_scores(self.estimator_, X, ("predict_proba", "decision_function"))
        if self.n_labels_ == 1:  # scikit-learn treats one label as two classes
            scores = scores.reshape(len(scores), -1)[:, -1:]
        if hasattr(self.estimator_, "predict_proba"):
            scores = logit(scores.clip(_MIN_PROBABILITY, 1 - 1e-7))
        return scores.astype(np.float32)

    def to_module(self) -> NoReturn:
        raise ValueError(
            f"A {type(self.estimator).__name__} cannot be exported, or saved without pickle. "
            "Take a KernelAdapter or MLPAdapter."
        )

    def get_state(self) -> NoReturn:
        self.to_module()

    def set_state(self, settings: Settings, arrays: Arrays) -> NoReturn:
        self.to_module()

    def __getstate__(self) -> Settings:
        return super(BaseAdapter, self).__getstate__()
