"""Inputs of the displays: images, label names, classifiers."""

from __future__ import annotations

from numbers import Real

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.pipeline import Pipeline
from sklearn.utils import check_scalar

from .._typing import Classifier, Items, Labels, Names, Picture
from ..inputs import as_embeddings, check_items, column_names, first_of_exclusive, open_image

_MAX_PIXELS = 640  # of the longer edge; plots show no more


def check_images(images: Items) -> list[Picture]:
    """A list of images, checked but not opened."""
    if as_embeddings(images) is not None:
        raise TypeError(
            "images is a matrix; expected a list of pathlib.Path, PIL images or uint8 arrays. For "
            "embeddings call from_predictions(images, classifier.predict_proba(embeddings))."
        )
    items, is_image = check_items(images)
    if not is_image.all():
        i = int(np.flatnonzero(~is_image)[0])
        raise TypeError(
            f"images[{i}] is the str {items[i][:200]!r}; only images can be shown. Pass "
            "pathlib.Path(...) to have the image of a file."
        )
    return items


def open_small(image: Picture, index: int) -> Image.Image:
    """The image, small enough to keep many in memory."""
    picture = open_image(image, index)
    picture.thumbnail((_MAX_PIXELS, _MAX_PIXELS))
    return picture


def check_scores(scores: npt.ArrayLike, n_images: int) -> np.ndarray:
    """A matrix with a row for each image; -inf for labels that another one excludes."""
    try:
        matrix = np.asarray(scores, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"scores must be a matrix of numbers, a row for each image ({error})."
        ) from None
    if matrix.ndim != 2 or len(matrix) != n_images or not matrix.shape[1]:
        raise ValueError(
            f"scores has shape {matrix.shape}; expected ({n_images}, n_labels), a row for each "
            "image."
        )
    bad = np.flatnonzero(~np.isfinite(matrix.max(axis=1)))
    if len(bad):
        raise ValueError(
            f"The scores of images[{bad[0]}] contain NaN or infinity; leave images that could not "
            "be scored out."
        )
    return matrix


def check_threshold(
    threshold: float | np.ndarray | None, scores: np.ndarray, n_top: int | None
) -> float | np.ndarray | None:
    """The score above which labels are predicted; None if only `n_top` selects labels."""
    if threshold is not None:
        if np.ndim(threshold) == 0:
            check_scalar(threshold, "threshold", Real)
        elif np.shape(threshold) != scores.shape[1:]:
            raise ValueError(
                f"threshold has shape {np.shape(threshold)}; expected a number, or one for each "
                f"of {scores.shape[1]} labels."
            )
    elif scores.max() <= 1 and scores.min(initial=1, where=np.isfinite(scores)) >= 0:
        return 0.5
    elif n_top is None:
        raise ValueError(
            "scores are outside 0 to 1, so it is unknown which labels they predict; give "
            "threshold (0 for logits) or n_top."
        )
    return threshold


def resolve_label_names(
    label_names: Names | None, n_labels: int, y: Labels = None, estimator: Classifier | None = None
) -> list[str]:
    """Names of the columns: those given, the classifier's, the data frame's, or numbers."""
    if isinstance(label_names, str):
        raise TypeError(
            f"label_names is the single str {label_names!r}; expected a list of names. Wrap it in "
            "a list."
        )
    columns = column_names(y)
    if columns is not None and len(columns) != n_labels:
        columns = None  # reading y will reject it
    classes = getattr(estimator, "classes_", None)  # a list of arrays for forests
    is_named = isinstance(classes, np.ndarray) and classes.ndim == 1 and classes.dtype.kind in "UO"
    named = [label_names, classes if is_named else None, columns, range(n_labels)]
    names = [str(name) for name in next(known for known in named if known is not None)]
    if len(names) != n_labels:
        raise ValueError(
            f"label_names has {len(names)} names but there are scores of {n_labels} labels; they "
            "must be the same number."
        )
    own = names if columns is None else [str(name) for name in columns]
    if own != names and sorted(own) == sorted(names):
        raise ValueError(
            "The columns of y are in another order than the labels of the scores. Reorder them: "
            "y[label_names]."
        )
    return names


def without_rivals(
    estimator: Classifier, scores: np.ndarray, threshold: float | np.ndarray | None
) -> np.ndarray:
    """Scores with -inf if `estimator.predict` prefers a label that excludes this one."""
    estimator = _final(estimator)
    known = getattr(estimator, "vocabulary_", None)
    if known is None:
        return scores
    margins = first_of_exclusive(scores - threshold, known, estimator.classes_)
    return np.where(np.isneginf(margins), margins, scores)


def own_threshold(estimator: Classifier) -> float:
    """The score above which `estimator.predict` assigns a label."""
    estimator = _final(estimator)
    if hasattr(estimator, "_decision_threshold"):
        return estimator._decision_threshold()
    return 0.5 if hasattr(estimator, "predict_proba") else 0.0


def _final(estimator: Classifier) -> Classifier:
    """The best classifier of a search, or the last step of a pipeline."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator
