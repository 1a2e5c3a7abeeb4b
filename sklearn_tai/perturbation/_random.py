"""One radius of noise for all embeddings: the zero-shot setting."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from ._noise import sphere_noise


class RandomPerturbation(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Add random noise of a given radius to training embeddings.

    Text and image embeddings of CLIP lie in clusters that do not overlap (the
    modality gap). A classifier trained on texts within a radius around each of them
    also covers the region where images lie [1]_ (Eqs. 4-6).

    Noise belongs to training: :meth:`fit_transform` perturbs, :meth:`transform`
    returns its input unchanged, so that
    ``make_pipeline(encoder, RandomPerturbation(), classifier)`` trains on noisy
    texts and predicts on clean images.
    :class:`~sklearn_tai.TextAsImageClassifier` draws fresh noise for every batch.

    Parameters
    ----------
    radius : float, default=2.5
        The length of the noise: in mean norms of the embeddings given to ``fit`` if
        ``relative``, else in their own units. The paper's 25 for the un-normalised
        embeddings of CLIP RN50 is about 2.5 times their norm.
    relative : bool, default=True
        Whether the radius is in mean norms. Norms differ between models, so a
        relative radius carries over from one to another.
    surface : bool, default=True
        Draw noise uniformly on the surface of the sphere, so that its length is the
        radius exactly. False draws uniformly from the ball; the paper finds that
        worse (Fig. 6a).
    random_state : int, RandomState instance or None, default=None
        Fixes the noise of :meth:`fit_transform`. A classifier that holds this
        perturbation draws from its own random state.

    Attributes
    ----------
    radius_ : float
        The length of the noise in the units of the embeddings.
    n_features_in_ : int
        The dimension of the embeddings.

    References
    ----------
    .. [1] "Text as Image: Learning Transferable Adapter for Multi-Label
       Classification", arXiv:2312.04160, section 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai import RandomPerturbation
    >>> embeddings = np.array([[3.0, 4.0], [0.0, 5.0]])
    >>> noise = RandomPerturbation(radius=2, random_state=0)
    >>> noisy = noise.fit_transform(embeddings)
    >>> noise.radius_  # twice the mean norm
    10.0
    >>> np.linalg.norm(noisy - embeddings, axis=1).round(3)
    array([10., 10.])
    >>> noise.transform(embeddings)
    array([[3., 4.], [0., 5.]])
    """

    _parameter_constraints = {
        "radius": [Interval(Real, 0, None, closed="left")],
        "relative": ["boolean"],
        "surface": ["boolean"],
        "random_state": ["random_state"],
    }

    radius_: float

    def __init__(
        self,
        radius: float = 2.5,
        *,
        relative: bool = True,
        surface: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.radius = radius
        self.relative = relative
        self.surface = surface
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> RandomPerturbation:
        """Learn the length of the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings of the training texts.
        y : Ignored
            Present by convention.

        Returns
        -------
        RandomPerturbation
            The fitted perturbation.
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        norm = float(np.linalg.norm(X, axis=1).mean()) if self.relative else 1.0
        self.radius_ = float(self.radius) * norm
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Learn the length of the noise and return perturbed embeddings.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings of the training texts.
        y : Ignored
            Present by convention.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The embeddings plus noise of length `radius_` (at most that if not `surface`).
        """
        self.fit(X, y)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        generator = torch.Generator().manual_seed(int(seed))
        return self.perturb(torch.tensor(X), generator).numpy()

    def transform(self, X: Any) -> np.ndarray:
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

    def perturb(self, X: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Add fresh noise to a batch; what classifiers call in training.

        Parameters
        ----------
        X : torch.Tensor of shape (n_samples, n_features)
            A batch of embeddings, on any device.
        generator : torch.Generator or None, default=None
            Where random numbers come from; None for torch's global generator.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            A new tensor.
        """
        check_is_fitted(self)
        return X + sphere_noise(X, self.radius_, self.surface, generator)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags
