"""One radius for texts and one for images: the few-shot setting."""

from __future__ import annotations

from numbers import Real

import numpy as np

from .._sklearn_compat import Interval, StrOptions
from .._typing import Labels, Length, RandomState
from ._base import BasePerturbation


class MixedPerturbation(BasePerturbation):
    """Add noise to texts and, with another radius, to a few labelled images.

    A few images among the texts tell the classifier where images are (section 3.5 of [1]_).
    They do not have to cross the modality gap, so their noise (Eq. 6) is small.

    Parameters
    ----------
    text_radius : float or "auto", default="auto"
        The length of the noise on texts: in mean norms of the text embeddings if
        ``relative``, else in the embeddings' own units (the paper: 25). For "auto" see
        :class:`~sklearn_tai.RandomPerturbation`.
    image_radius : float or "auto", default="auto"
        The length of the noise on images, in the same unit (the paper: 1); "auto" is 0.1
        mean norms. A :class:`~sklearn_tai.KernelAdapter` adds no noise to images.
    image_share : float or None, default=None
        The share of images among the rows that a network draws in an epoch: all texts once,
        and each image as often as needed. None to draw every image once. A
        :class:`~sklearn_tai.KernelAdapter` decides by itself how much images count.
    relative : bool, default=True
        Whether radii are in mean norms of the text embeddings.
    surface : bool, default=True
        Draw noise on the surface of the sphere; False in its interior, with a length
        uniform in [0, radius].
    random_state : int, RandomState instance or None, default=None
        Fixes the noise of :meth:`fit_transform`, and so of a scikit-learn classifier as the
        adapter. An :class:`~sklearn_tai.MLPAdapter` draws from its own random state.

    Attributes
    ----------
    radius_ : float
        The length of the noise on texts in the units of the embeddings.
    image_radius_ : float
        The length of the noise on images.
    n_features_in_ : int
        The dimension of the embeddings.

    See Also
    --------
    RandomPerturbation : The same without images, exactly.
    ShiftedPerturbation : Moves texts to where images are.

    References
    ----------
    .. [1] "Text as Image: Learning Transferable Adapter for Multi-Label
       Classification", arXiv:2312.04160, section 3.5.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai import MixedPerturbation
    >>> embeddings = np.array([[3.0, 4.0], [0.0, 5.0], [1.0, 0.0]])
    >>> noise = MixedPerturbation(text_radius=2, image_radius=0.1, random_state=0)
    >>> noisy = noise.fit_transform(embeddings, modality=["text", "text", "image"])
    >>> np.linalg.norm(noisy - embeddings, axis=1).round(3)
    array([10. , 10. ,  0.5])
    """

    _parameter_constraints = {
        "text_radius": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "image_radius": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "image_share": [Interval(Real, 0, 1, closed="left"), None],
        "relative": ["boolean"],
        "surface": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        text_radius: float | str = "auto",
        image_radius: float | str = "auto",
        *,
        image_share: float | None = None,
        relative: bool = True,
        surface: bool = True,
        random_state: RandomState = None,
    ) -> None:
        self.text_radius = text_radius
        self.image_radius = image_radius
        self.image_share = image_share
        self.relative = relative
        self.surface = surface
        self.random_state = random_state

    def learn(self, X: np.ndarray, y: Labels, is_image: np.ndarray, length: Length) -> None:
        self.radius_ = length(self.text_radius)
        is_auto = isinstance(self.image_radius, str)
        self.image_radius_ = 0.1 * self.norm_ if is_auto else length(self.image_radius)
