"""Cross-validation across modalities: train on texts, score on images."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

from .._sklearn_compat import Interval
from .._typing import Items, Labels, Modality, RandomState
from ..inputs import as_embeddings, check_items, check_modality


class CrossModalSplit(BaseEstimator):
    """Splits that train on texts and score on images, for ``cv=``.

    Cross-validation on texts alone favours small radii of noise, as texts have no modality
    gap among themselves. A few labelled images fix this.

    Parameters
    ----------
    n_splits : int, default=1
        Number of parts into which the images are split; each split scores one part. With 1,
        all images score the one classifier trained on all texts.
    train_images : bool, default=False
        Whether the images of the other parts belong to the training (few-shot); needs
        `n_splits` of 2 or more.
    random_state : int, RandomState instance or None, default=None
        Fixes the parts.

    See Also
    --------
    few_shot_indices : Draws the few images.

    Notes
    -----
    In a list of texts and images, the images are recognised. For embeddings, pass
    "text" or "image" for each row as ``groups``: ``search.fit(X, Y, groups=modality,
    modality=modality)``.

    ``GridSearchCV(refit=True)`` fits the best candidate on all of `X`, images included.

    Examples
    --------
    >>> from sklearn_tai.model_selection import CrossModalSplit
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> modality = ["text", "text", "image", "image"]
    >>> for train, test in CrossModalSplit().split(X, groups=modality):
    ...     print(train, test)
    [0 1] [2 3]
    """

    # with metadata routing, always request groups (like scikit-learn's group splitters)
    __metadata_request__split = {"groups": True}

    _parameter_constraints = {
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "train_images": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_splits: int = 1,
        *,
        train_images: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.n_splits = n_splits
        self.train_images = train_images
        self.random_state = random_state

    def get_n_splits(self, X: Items = None, y: Labels = None, groups: Modality = None) -> int:
        """Number of splits.

        Parameters
        ----------
        X, y, groups : Ignored
            Present by convention.

        Returns
        -------
        int
            `n_splits`.
        """
        return self.n_splits

    def split(
        self, X: Items, y: Labels = None, groups: Modality = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Row numbers for training and scoring.

        Parameters
        ----------
        X : list of n_items texts and images, or array-like of shape (n_items, n_features)
            Items, or their embeddings.
        y : Ignored
            Present by convention.
        groups : array-like of shape (n_items,), default=None
            "text" or "image" for each row of embeddings.

        Yields
        ------
        train : ndarray
            Row numbers of the texts, and of images if `train_images`.
        test : ndarray
            Row numbers of images.

        Raises
        ------
        ValueError
            If there are no texts, or fewer images than `n_splits`.
        """
        self._validate_params()
        if self.train_images and self.n_splits < 2:
            raise ValueError(
                "train_images=True needs n_splits of 2 or more: images cannot both train and "
                f"score; got n_splits={self.n_splits}."
            )
        if groups is not None:
            is_image = check_modality(groups, len(groups))
        elif as_embeddings(X) is None:
            is_image = check_items(X)[1]
        else:
            raise ValueError(
                "X contains embeddings, so it is unknown which rows are images; pass 'text' or "
                "'image' for each row as groups."
            )
        texts, images = np.flatnonzero(~is_image), np.flatnonzero(is_image)
        if not len(texts) and not self.train_images:
            raise ValueError("X contains no texts to train on; add texts.")
        if len(images) < self.n_splits:
            raise ValueError(
                f"X contains {len(images)} images, fewer than n_splits={self.n_splits}; add "
                "labelled images or lower n_splits."
            )
        if self.n_splits == 1:
            yield texts, images
            return
        parts = KFold(self.n_splits, shuffle=True, random_state=self.random_state)
        for other, own in parts.split(images):
            train = np.sort(np.concatenate([texts, images[other]])) if self.train_images else texts
            yield train, images[own]
