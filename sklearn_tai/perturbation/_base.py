"""Shared by all perturbations: noise in training, none afterwards."""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod

import numpy as np
import torch
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._sklearn_compat import fit_context
from .._typing import Constraints, Items, Labels, Length, Modality, RandomState
from ..inputs import check_modality
from ._auto import auto_radius
from ._noise import sphere_noise


class BasePerturbation(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta):
    """Base class of perturbations: what adapters can expect of all of them.

    Your own perturbation sets the length of its noise in :meth:`learn`. It may move
    embeddings before the noise (:meth:`shift`, and then `moves_`), or draw other noise
    (:meth:`perturb`). Its constructor takes the parameters `relative`, `surface` and
    `random_state`, or its class sets them.

    Attributes
    ----------
    norm_ : float
        Mean norm of the text embeddings (of the images if there are no texts).
    radius_ : float
        The length of the noise on texts in the units of the embeddings.
    image_radius_ : float
        The length of the noise on images.
    covariance_factor_ : ndarray of shape (n_features, n_components) or None
        Maps Gaussian noise to the directions of the noise; None for all directions alike.
    moves_ : bool
        Whether :meth:`shift` moves embeddings.
    n_features_in_ : int
        The dimension of the embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai.perturbation import BasePerturbation
    >>> class HalfNorm(BasePerturbation):
    ...     def learn(self, X, y, is_image, length):
    ...         self.radius_ = length(0.5)
    >>> HalfNorm().fit(np.array([[3.0, 4.0]])).radius_
    2.5
    """

    norm_: float
    radius_: float
    image_radius_: float
    covariance_factor_: np.ndarray | None
    moves_: bool
    #: Share of images among the rows of an epoch; None to draw each row once.
    image_share: float | None = None
    #: Length of the noise on images; "auto" by default.
    image_radius: float | str = "auto"
    _parameter_constraints: Constraints = {}
    relative: bool = True
    surface: bool = True
    random_state: RandomState = None

    @abstractmethod
    def learn(self, X: np.ndarray, y: Labels, is_image: np.ndarray, length: Length) -> None:
        """Learn the lengths of the noise; :meth:`fit` calls it.

        It sets `radius_`, and other attributes if they differ from the defaults: images get
        the same noise as texts, in all directions alike, and nothing is moved.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Embeddings of the training items.
        y : array-like of shape (n_samples, n_labels) or None
            Their labels.
        is_image : ndarray of bool, shape (n_samples,)
            Which rows are images.
        length : callable
            Converts a radius, a number or "auto", to the units of the embeddings.
        """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Items, y: Labels = None, modality: Modality = None) -> BasePerturbation:
        """Learn the length of the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings of the training items.
        y : array-like of shape (n_samples, n_labels), default=None
            Labels of the items, if the perturbation uses them.
        modality : array-like of shape (n_samples,), default=None
            "text" or "image" for each row; None if all are texts.

        Returns
        -------
        BasePerturbation
            The fitted perturbation.
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        is_image = check_modality(modality, len(X))
        # one unit for both modalities: from the texts, or if there are none, from the images
        texts = X if is_image.all() else X[~is_image]
        self.norm_ = float(np.linalg.norm(texts, axis=1).mean())

        def length(radius: float | str) -> float:
            if isinstance(radius, str):  # "auto"
                return self.norm_ * auto_radius(texts)
            return float(radius) * (self.norm_ if self.relative else 1.0)

        self.covariance_factor_, self.moves_, self.image_radius_ = None, False, math.nan
        self.learn(X, y, is_image, length)
        if math.isnan(self.image_radius_):
            self.image_radius_ = self.radius_
        return self

    def fit_transform(self, X: Items, y: Labels = None, modality: Modality = None) -> np.ndarray:
        """Learn the length of the noise and return perturbed embeddings.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings of the training items.
        y : array-like of shape (n_samples, n_labels), default=None
            Labels of the items, if the perturbation uses them.
        modality : array-like of shape (n_samples,), default=None
            "text" or "image" for each row; None if all are texts.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The embeddings, moved if the perturbation moves them, plus noise.
        """
        self.fit(X, y, modality)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        is_image = check_modality(modality, len(X))
        return self.sample(self.shift(X, y, is_image), is_image)

    def sample(self, X: np.ndarray, is_image: np.ndarray) -> np.ndarray:
        """Add one draw of noise to embeddings, fixed by `random_state`.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Embeddings, moved if the perturbation moves them.
        is_image : ndarray of bool, shape (n_samples,)
            Which rows are images.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The embeddings plus noise.
        """
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        generator = torch.Generator().manual_seed(int(seed))
        rows = torch.from_numpy(is_image) if is_image.any() else None
        return self.perturb(torch.tensor(X), rows, generator).numpy()

    def transform(self, X: Items) -> np.ndarray:
        """Return the embeddings unchanged.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings of images or texts.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The same embeddings.
        """
        check_is_fitted(self)
        return validate_data(self, X, dtype=(np.float64, np.float32), reset=False)

    def shift(self, X: np.ndarray, y: Labels, is_image: np.ndarray) -> np.ndarray:
        """Move training embeddings before noise is added; classifiers call it once.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The embeddings passed to ``fit``.
        y : array-like of shape (n_samples, n_labels)
            Their labels.
        is_image : ndarray of bool, shape (n_samples,)
            Which rows are images.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Here the same embeddings.
        """
        return X

    def perturb(
        self,
        X: torch.Tensor,
        is_image: torch.Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Add fresh noise to a batch; what classifiers call in training.

        Parameters
        ----------
        X : torch.Tensor of shape (n_samples, n_features)
            A batch of embeddings, on any device.
        is_image : torch.Tensor of bool, shape (n_samples,), or None, default=None
            Which rows are images; None if none are.
        generator : torch.Generator or None, default=None
            Where random numbers come from; None for torch's global generator.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            A new tensor.
        """
        check_is_fitted(self)
        radius: float | torch.Tensor = self.radius_
        if is_image is not None and self.image_radius_ != radius:
            radius = torch.full((len(X), 1), self.radius_, dtype=X.dtype, device=X.device)
            radius[is_image] = self.image_radius_
        factor = None
        if self.covariance_factor_ is not None:
            factor = torch.as_tensor(self.covariance_factor_, dtype=X.dtype, device=X.device)
        return X + sphere_noise(X, radius, self.surface, generator, factor)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags
