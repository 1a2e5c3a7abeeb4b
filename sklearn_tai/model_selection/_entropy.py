"""Choose the images to label next."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import entr

from ..inputs import was_read
from ..metrics import label_scores


def entropy_sampling(estimator: Any, X: Any) -> np.ndarray:
    """Rank unlabelled images by how uncertain a classifier is about them.

    Label the first few, let the classifier learn them, and rank the others again.

    Parameters
    ----------
    estimator : estimator
        A fitted multi-label classifier with ``predict_proba``.
    X : list of n_images images, or array-like of shape (n_images, n_features)
        Images without labels, or their embeddings.

    Returns
    -------
    ndarray of int
        Row numbers, the most uncertain image first; without images that could not be read.

    Raises
    ------
    AttributeError
        If the estimator has no ``predict_proba``.

    See Also
    --------
    few_shot_indices : Draws from images that are labelled already.

    Notes
    -----
    This is uncertainty sampling by entropy, summed over the labels: :math:`-\\sum_k p_k
    \\log p_k + (1 - p_k) \\log (1 - p_k)`. On photos, 15 to 60 images chosen this way were
    worth 45 to 75 random ones.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai import RandomPerturbation, TextAsImageClassifier
    >>> from sklearn_tai.model_selection import entropy_sampling
    >>> clf = TextAsImageClassifier(perturbation=RandomPerturbation(0.5))
    >>> clf = clf.fit(np.eye(3), np.eye(3))
    >>> entropy_sampling(clf, [[1.0, 0, 0], [1, 1, 0]]).tolist()  # between two texts
    [1, 0]
    """
    proba = np.asarray(label_scores(estimator, X, ("predict_proba", "predict_proba")), dtype=float)
    entropy = (entr(proba) + entr(1 - proba)).sum(axis=1)
    ranked = np.argsort(-entropy, kind="stable")
    return ranked[was_read(proba)[ranked]]
