"""What a classifier requires of any adapter."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn

from .._typing import Arrays, Labels, Settings
from ..perturbation import BasePerturbation


class TrainingData(NamedTuple):
    """The data that an adapter is fitted on.

    Parameters
    ----------
    embeddings : ndarray of shape (n_items, n_features), float32
        Embeddings without noise, moved if the perturbation moves them.
    Y : ndarray or CSR array of shape (n_items, n_labels), float32
        1 present, 0 absent, -1 unknown (images only).
    is_image : ndarray of bool, shape (n_items,)
        Which rows are images.
    """

    embeddings: np.ndarray
    Y: Labels
    is_image: np.ndarray


class PhotoCalibration(NamedTuple):
    r"""Map from logits learnt from texts to logits of a photo's probabilities.

    For the logit s of label k, which a share :math:`\pi_k` of the texts has, the
    probability on a photo is :math:`\sigma(a s + b \operatorname{logit} \pi_k + c)`. By
    default, logits stay unchanged.

    Parameters
    ----------
    slope : float, default=1
        a.
    of_share : float, default=0
        b.
    intercept : float, default=0
        c.
    region_lift : float, default=2
        The s that the best of an image's regions reach even if the label is absent.
    """

    slope: float = 1.0
    of_share: float = 0.0
    intercept: float = 0.0
    region_lift: float = 2.0


class BaseAdapter(BaseEstimator, metaclass=ABCMeta):
    """Base class of adapters, which map embeddings to one logit per label.

    Attributes
    ----------
    input_norm_ : float
        Mean norm of the embeddings it was fitted on.
    """

    #: Whether :meth:`training_data` returns the training items, so that more can be added.
    learns_more: bool = False
    #: Turns logits into probabilities on photos.
    calibration: PhotoCalibration = PhotoCalibration()
    input_norm_: float

    @abstractmethod
    def fit(self, data: TrainingData, noise: BasePerturbation) -> BaseAdapter:
        """Learn to label embeddings with noise around them.

        Parameters
        ----------
        data : TrainingData
            Embeddings with their labels.
        noise : BasePerturbation
            The fitted perturbation.

        Returns
        -------
        BaseAdapter
            The fitted adapter.
        """

    @abstractmethod
    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Logits of the labels.

        Parameters
        ----------
        X : ndarray of shape (n_items, n_features), float32
            Embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Logits.
        """

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities of the labels: the logistic function of the logits.

        Parameters
        ----------
        X : ndarray of shape (n_items, n_features), float32
            Embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Probabilities.
        """
        return torch.sigmoid(torch.from_numpy(self.decision_function(X))).numpy()

    @abstractmethod
    def to_module(self) -> nn.Module:
        """A torch module from embeddings to logits, for export.

        Returns
        -------
        torch.nn.Module
            On the CPU, in evaluation mode; a copy.
        """

    def training_data(self) -> TrainingData:
        """What it was fitted on; only for adapters that can learn more.

        Returns
        -------
        TrainingData
            The embeddings, labels and mask given to :meth:`fit`, texts first.
        """
        raise NotImplementedError(f"{type(self).__name__} keeps no training data.")

    @abstractmethod
    def get_state(self) -> tuple[Settings, Arrays]:
        """The fitted state, without code.

        Returns
        -------
        settings : dict
            Settings that JSON can store.
        arrays : dict of str to ndarray
            The weights.
        """

    @abstractmethod
    def set_state(self, settings: Settings, arrays: Arrays) -> BaseAdapter:
        """Restore the state from :meth:`get_state`.

        Parameters
        ----------
        settings : dict
            As from :meth:`get_state`.
        arrays : dict of str to ndarray
            As from :meth:`get_state`.

        Returns
        -------
        BaseAdapter
            This adapter, fitted.
        """

    def __getstate__(self) -> Settings:
        """Pickle plain arrays only, without what only training needs."""
        state: Settings = super().__getstate__()
        if not self.__sklearn_is_fitted__():
            return state
        return {**{k: state[k] for k in self.get_params(deep=False)}, "_learnt": self.get_state()}

    def __setstate__(self, state: Settings) -> None:
        state = dict(state)
        learnt = state.pop("_learnt", None)
        super().__setstate__(state)
        if learnt is not None:
            self.set_state(*learnt)

    def __sklearn_is_fitted__(self) -> bool:
        return "input_norm_" in vars(self)
