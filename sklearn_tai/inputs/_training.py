"""Training data: embeddings, labels, and which rows are images."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ._items import as_embeddings, check_items, check_modality
from ._labels import check_indicator, column_names, label_array, vocabulary_of
from ._pictures import was_read
from ._relations import join, with_group_labels
from ._vocabulary import Vocabulary


class TrainingSet(NamedTuple):
    """Embeddings, labels, the names of the labels, the mask of images, and the vocabulary.

    If a member of a group is present in a row, so is the group.
    """

    embeddings: np.ndarray
    Y: Any
    classes: np.ndarray
    is_image: np.ndarray
    vocabulary: Vocabulary | None = None


def training_set(
    X: Any, y: Any, modality: Any, encode: Callable[[Any], np.ndarray]
) -> TrainingSet:
    """Check and embed the user's items; images that could not be read are left out."""
    # check y first: encoding may take minutes
    is_embedded = as_embeddings(X) is not None
    if not is_embedded:
        X, is_image = check_items(X, modality)
        check_indicator(y, len(X), may_be_unknown=is_image, accept_sparse=True)
    embeddings = encode(X)
    if is_embedded:
        is_image = check_modality(modality, len(embeddings))
    Y, classes = check_indicator(y, len(embeddings), may_be_unknown=is_image, accept_sparse=True)
    read = was_read(embeddings)
    if not read.all():  # the encoder has warned about them
        embeddings, Y, is_image = embeddings[read], Y[read], is_image[read]
    vocabulary = vocabulary_of(y)
    Y = with_group_labels(Y, vocabulary, classes)
    return TrainingSet(embeddings, Y, classes, is_image, vocabulary)


def check_some_present(data: TrainingSet) -> None:
    """Refuse labels that are present in no item, or in all; warn about those in no item."""
    n_present = np.asarray((data.Y == 1).sum(axis=0)).ravel()
    lonely = data.classes[n_present == 0]
    if len(lonely) == len(data.classes):
        raise ValueError(
            "y has no 1 at all, so there is nothing to learn. Add items that have labels."
        )
    n_items = len(data.is_image)
    if n_items > 1 and np.isin(n_present, (0, n_items)).all():
        raise ValueError(
            "all texts have the same labels, so nothing distinguishes them from other things. Add "
            "texts without them, such as sklearn_tai.corpus.background_texts(labels)."
        )
    if len(lonely):
        warnings.warn(
            f"{len(lonely)} of {len(data.classes)} labels have no positive item in y, so nothing "
            f"can be learnt about them: {', '.join(map(str, lonely[:10]))}"
            f"{', ...' if len(lonely) > 10 else ''}. Add texts that have them.",
            UserWarning,
            stacklevel=5,  # above fit and its decorators
        )


def labelled_mask(data: TrainingSet) -> np.ndarray:
    """A mask of all rows except images without a known label."""
    n_unknown = np.asarray((data.Y == -1).sum(axis=1)).ravel()
    return ~data.is_image | (n_unknown < len(data.classes))


def label_prior(data: TrainingSet) -> np.ndarray:
    """Share of the texts that have each label; never 0 or 1."""
    texts = data.Y[~data.is_image]
    return (np.asarray((texts == 1).sum(axis=0)).ravel() + 0.5) / (texts.shape[0] + 1)


def merge(old: TrainingSet, new: TrainingSet) -> TrainingSet:
    """Join both, with all labels; those that one lacks are absent in texts, unknown in images."""
    classes = old.classes
    old_names = set(classes.tolist())
    added = [label for label in new.classes.tolist() if label not in old_names]
    if added:
        classes = label_array([*old.classes.tolist(), *added], old.classes.dtype == object)
    column = {label: k for k, label in enumerate(classes.tolist())}
    parts = []
    for part in (old, new):
        known = np.array([column[label] for label in part.classes.tolist()])
        Y = sparse.coo_array(part.Y)
        lacking = np.ones(len(classes), dtype=bool)
        lacking[known] = False
        images, unknown = np.flatnonzero(part.is_image), np.flatnonzero(lacking)
        rows = np.r_[Y.row, np.repeat(images, len(unknown))]
        places = rows, np.r_[known[Y.col], np.tile(unknown, len(images))]
        values = np.r_[Y.data, np.full(len(images) * len(unknown), -1)].astype(np.float32)
        parts.append(sparse.csr_array((values, places), (len(part.is_image), len(classes))))
    vocabulary = join([old.vocabulary, new.vocabulary])
    return TrainingSet(
        np.vstack([old.embeddings, new.embeddings]),
        with_group_labels(sparse.vstack(parts, format="csr"), vocabulary, classes),
        classes,
        np.r_[old.is_image, new.is_image],
        vocabulary,
    )


def name_columns(y: Any, Y: Any, names: np.ndarray, known: np.ndarray, classes: Any) -> np.ndarray:
    """Names of the labels in `y`, for a classifier that already knows some."""
    if classes is not None:
        given = np.asarray(classes)
        if given.shape != (Y.shape[1],):
            raise ValueError(
                f"classes has shape {given.shape} but y has {Y.shape[1]} columns; give one name "
                "for each column."
            )
        if len(set(given.tolist())) < len(given):
            raise ValueError(f"classes names a column more than once: {given.tolist()[:10]}.")
        return given
    if column_names(y) is not None:
        return names
    if Y.shape[1] < len(known):
        raise ValueError(
            f"y has {Y.shape[1]} columns but this classifier knows {len(known)} labels. Name the "
            "columns: give the Y of a corpus, a data frame, or their labels as classes."
        )
    extra = names[len(known) :].astype(object)
    return np.concatenate([known, extra]) if len(extra) else known


def modality_means(
    X: np.ndarray, is_image: np.ndarray, more_images: tuple[np.ndarray, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean embeddings of texts and of images; 0 if there are none.

    `more_images` are the mean and the number of further images.
    """
    zero = np.zeros(X.shape[1], X.dtype)
    of_texts = X[~is_image].mean(axis=0) if not is_image.all() else zero
    of_images = X[is_image].mean(axis=0) if is_image.any() else zero
    if more_images is not None:
        mean, n_more = more_images
        share = n_more / max(n_more + int(is_image.sum()), 1)
        of_images = ((1 - share) * of_images + share * mean).astype(X.dtype)
    return of_texts, of_images
