"""Texts moved to where images are, plus noise: the partial-label setting."""

from __future__ import annotations

import warnings
from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions
from .._typing import Labels, Length, RandomState
from ..inputs import check_indicator
from ._base import BasePerturbation


class ShiftedPerturbation(BasePerturbation):
    """Move texts to where images with the same labels are, then add noise.

    Images whose labels are partly known show where each label is among images (section 3.6
    of [1]_). Texts are moved there before noise is added. With ``offset_by="combination"``,
    as in the paper:

    1. the image centroid of label :math:`k` is the mean embedding of the images known
       to show it, :math:`c_k` (Eq. 7);
    2. the text centroid of a label combination :math:`S` is the mean embedding of the
       texts whose labels are exactly :math:`S`, :math:`t_S` (Eq. 8);
    3. its offset is :math:`o_S = \\hat c_S - t_S`, with the mean :math:`\\hat c_S` of
       :math:`c_k` over :math:`k \\in S` for its image centroid (Eq. 9);
    4. a text :math:`t` with labels :math:`S` is moved to :math:`t + o_S` (Eq. 10), and
       noise :math:`\\epsilon` of length `radius` is added (Eq. 5).

    By default, ``offset_by="label"``, the offset of a combination is instead the mean of the
    offsets :math:`c_k - t_k` of its labels, with :math:`t_k` the mean of all texts that have
    label :math:`k`. It preserves differences between texts of rare combinations, and does
    better with few images. Offsets of labels with few images are shrunk towards that of all
    images and texts.

    Parameters
    ----------
    radius : float or "auto", default="auto"
        The length of the noise on texts: in mean norms of the text embeddings if
        ``relative``, else in the embeddings' own units (the paper: 10, about 1 norm). For
        "auto" see :class:`~sklearn_tai.RandomPerturbation`.
    image_radius : float or "auto", default="auto"
        The length of the noise on images, if the classifier trains on them; "auto" is 0.1
        mean norms. A :class:`~sklearn_tai.KernelAdapter` adds no noise to images.
    offset_by : {"label", "combination"}, default="label"
        How texts are moved; "combination" is the paper's.
    shrinkage : float, default=10.0
        With ``offset_by="label"``, the offset of a label known to be on n images has weight
        n, and the gap between all images and all texts has this weight.
    image_share : float or None, default=0.0
        The share of images among the rows a classifier draws in an epoch. With 0, images
        are only used for their centroids, as in the paper; above, the classifier also
        trains on them, with a loss over their known labels. None draws each once.
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
    image_centroids_ : ndarray of shape (n_labels, n_features) or None
        :math:`c_k`; estimated for labels that no image is known to show, and NaN if no
        text has them either. None if ``fit`` saw no images or no texts.
    label_offsets_ : ndarray of shape (n_labels, n_features) or None
        :math:`c_k - t_k`, shrunk; ``gap_`` for labels of only images or only texts.
    gap_ : ndarray of shape (n_features,)
        Mean of all images minus mean of all texts.
    radius_, image_radius_ : float
        The lengths of the noise in the units of the embeddings.
    n_features_in_ : int
        The dimension of the embeddings.

    Warns
    -----
    UserWarning
        If there are no images: texts are not moved, as with
        :class:`~sklearn_tai.RandomPerturbation`.

    See Also
    --------
    MixedPerturbation : Trains on texts and a few fully labelled images.

    Notes
    -----
    Details that the paper does not specify:

    - A label that no image is known to show gets the centroid of its texts plus
      ``gap_``, so that it stays apart from the labels it is combined with.
    - Texts without labels are moved by ``gap_``.
    - With ``offset_by="combination"``, a text whose combination occurs once is its own
      centroid, so it ends up exactly at :math:`\\hat c_S`, and its wording is lost. With
      many labels per text, most combinations occur once; fewer labels per text, or more
      texts, preserve the variety.

    References
    ----------
    .. [1] "Text as Image: Learning Transferable Adapter for Multi-Label
       Classification", arXiv:2312.04160, section 3.6.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai import ShiftedPerturbation
    >>> embeddings = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    >>> Y = [[1], [1], [1], [1]]
    >>> modality = ["text", "text", "image", "image"]
    >>> shifted = ShiftedPerturbation(radius=0, image_radius=0)
    >>> shifted.fit_transform(embeddings, Y, modality)
    array([[-1.,  3.],
           [ 1.,  3.],
           [ 0.,  1.],
           [ 0.,  5.]])
    """

    _parameter_constraints = {
        "radius": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "image_radius": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "offset_by": [StrOptions({"label", "combination"})],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "image_share": [Interval(Real, 0, 1, closed="left"), None],
        "relative": ["boolean"],
        "surface": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        radius: float | str = "auto",
        image_radius: float | str = "auto",
        *,
        offset_by: str = "label",
        shrinkage: float = 10.0,
        image_share: float | None = 0.0,
        relative: bool = True,
        surface: bool = True,
        random_state: RandomState = None,
    ) -> None:
        self.radius = radius
        self.image_radius = image_radius
        self.offset_by = offset_by
        self.shrinkage = shrinkage
        self.image_share = image_share
        self.relative = relative
        self.surface = surface
        self.random_state = random_state

    def learn(self, X: np.ndarray, y: Labels, is_image: np.ndarray, length: Length) -> None:
        self.radius_ = length(self.radius)
        is_auto = isinstance(self.image_radius, str)
        self.image_radius_ = 0.1 * self.norm_ if is_auto else length(self.image_radius)
        texts, images = X[~is_image], X[is_image]
        self.gap_ = np.zeros(X.shape[1], dtype=X.dtype)
        self.image_centroids_ = self.label_offsets_ = None
        if not len(images):
            warnings.warn(
                "X contains no images, so ShiftedPerturbation cannot move texts to where images "
                "are and only adds noise. Add images whose labels are partly known, or use "
                "RandomPerturbation.",
                UserWarning,
                stacklevel=5,
            )
        if not len(images) or not len(texts):
            return  # nothing to move, or no place to move it to
        self.moves_ = True
        Y, _ = check_indicator(y, len(X), may_be_unknown=is_image)
        present = Y == 1
        self.gap_ = images.mean(axis=0) - texts.mean(axis=0)
        of_texts = _means(texts, sparse.csr_array(present[~is_image].T, dtype=X.dtype))
        of_images = _means(images, sparse.csr_array(present[is_image].T, dtype=X.dtype))
        no_image = np.isnan(of_images).all(axis=1, keepdims=True)
        self.image_centroids_ = np.where(no_image, of_texts + self.gap_, of_images)
        offsets = self.image_centroids_ - of_texts
        n_images = present[is_image].sum(axis=0)[:, None]
        trust = n_images / np.maximum(n_images + self.shrinkage, 1e-12)
        shrunk = self.gap_ + trust * (offsets - self.gap_)
        self.label_offsets_ = np.where(np.isnan(offsets), self.gap_, shrunk).astype(X.dtype)

    def estimate_centroids(self, y: Labels) -> np.ndarray:
        """Estimate where images with given labels are (first term of Eq. 9).

        Parameters
        ----------
        y : array-like of shape (n_combinations, n_labels)
            Label combinations, each with at least one label.

        Returns
        -------
        ndarray of shape (n_combinations, n_features)
            The mean of the image centroids of the labels; NaN for no labels, and with a label
            that neither texts nor images have.

        Raises
        ------
        ValueError
            If ``fit`` saw no images.
        """
        check_is_fitted(self)
        if self.image_centroids_ is None:
            raise ValueError("This ShiftedPerturbation was fitted without both texts and images.")
        Y, _ = check_indicator(y, len(y))
        members = sparse.csr_array(Y, dtype=self.image_centroids_.dtype)
        return _means(self.image_centroids_, members)

    def shift(self, X: np.ndarray, y: Labels, is_image: np.ndarray) -> np.ndarray:
        """Move texts by the offset of their label combination; images stay.

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
            The moved embeddings.
        """
        if not self.moves_:
            return X
        Y, _ = check_indicator(y, len(X), may_be_unknown=is_image)
        texts = X[~is_image]
        assert self.label_offsets_ is not None  # since texts are moved
        if self.offset_by == "label":
            offsets = _means(self.label_offsets_, sparse.csr_array(Y[~is_image]))
            return self._move(X, is_image, offsets)
        combinations, row = np.unique(Y[~is_image], axis=0, return_inverse=True)
        row = row.ravel()
        same = sparse.csr_array((np.ones(len(texts), X.dtype), (row, np.arange(len(texts)))))
        offsets = self.estimate_centroids(combinations) - _means(texts, same)  # Eq. 9
        return self._move(X, is_image, offsets[row])

    def _move(self, X: np.ndarray, is_image: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Move texts by Eq. 10; texts without labels move by the mean gap."""
        moved = X.copy()
        moved[~is_image] += np.where(np.isnan(offsets), self.gap_, offsets)
        return moved


def _means(X: np.ndarray, members: sparse.csr_array) -> np.ndarray:
    """Mean of those rows of `X` that each row of `members` selects; NaN if there is none."""
    counts = members.sum(axis=1)[:, None]
    sums = members @ X
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
