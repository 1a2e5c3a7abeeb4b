"""One radius of noise for all embeddings: the zero-shot setting."""

from __future__ import annotations

from numbers import Real

import numpy as np

from .._sklearn_compat import Interval, StrOptions
from .._typing import Labels, Length, RandomState
from ._base import BasePerturbation


class RandomPerturbation(BasePerturbation):
    r"""Add random noise of a given radius to training embeddings.

    CLIP's text and image embeddings form clusters that do not overlap (the modality gap). A
    classifier trained on texts within a radius around each of them also covers the region
    where images are [1]_ (Eq. 5).

    Noise is for training only: :meth:`fit_transform` perturbs, :meth:`transform`
    returns its input unchanged, so that ``make_pipeline(encoder, RandomPerturbation(),
    classifier)`` trains on noisy texts and predicts on clean images.
    :class:`~sklearn_tai.TextAsImageClassifier` draws fresh noise for every batch.

    Parameters
    ----------
    radius : float or "auto", default="auto"
        The length of the noise: in mean norms of the text embeddings passed to ``fit`` if
        ``relative``, else in their own units. The paper's 25 for the un-normalised embeddings
        of CLIP RN50 is about 2.5 times their norm. "auto" needs no labelled image; see Notes.
    covariance : {"identity", "texts"}, default="identity"
        Directions of the noise: all alike, or those in which text embeddings differ.
    relative : bool, default=True
        Whether the radius is in mean norms. Norms differ between models, and a relative
        radius can be used with all of them.
    surface : bool, default=True
        Draw noise on the surface of the sphere, so that its length is the radius exactly.
        False draws from the interior, with a length uniform in [0, radius]; the paper
        finds that worse (Fig. 6a).
    random_state : int, RandomState instance or None, default=None
        Fixes the noise of :meth:`fit_transform`, and so of a scikit-learn classifier as the
        adapter. An :class:`~sklearn_tai.MLPAdapter` draws from its own random state.

    Attributes
    ----------
    radius_ : float
        The length of the noise in the units of the embeddings.
    covariance_factor_ : ndarray of shape (n_features, n_components) or None
        Maps Gaussian noise to that of the covariance; None for "identity".
    n_features_in_ : int
        The dimension of the embeddings.

    Notes
    -----
    ``radius="auto"`` is :math:`\sqrt{d \sigma / 4}` mean norms, with :math:`\sigma` the
    standard deviation of the cosines between text embeddings of dimension d. It is meant
    for :class:`~sklearn_tai.KernelAdapter`, which does best at or near it with all encoders
    and label sets tried; a network of limited size and training does best at about 0.6
    times that.

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
        "radius": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "covariance": [StrOptions({"identity", "texts"})],
        "relative": ["boolean"],
        "surface": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        radius: float | str = "auto",
        *,
        covariance: str = "identity",
        relative: bool = True,
        surface: bool = True,
        random_state: RandomState = None,
    ) -> None:
        self.radius = radius
        self.covariance = covariance
        self.relative = relative
        self.surface = surface
        self.random_state = random_state

    def learn(self, X: np.ndarray, y: Labels, is_image: np.ndarray, length: Length) -> None:
        self.radius_ = length(self.radius)
        if self.covariance == "texts":
            texts = X[~is_image] if not is_image.all() else X
            # columns: eigenvectors times standard deviations; few texts span few directions
            _, scales, directions = np.linalg.svd(texts - texts.mean(axis=0), full_matrices=False)
            self.covariance_factor_ = directions.T * scales / max(np.linalg.norm(scales), 1e-12)
