"""Classifiers that score embeddings of whole images and their regions."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted, validate_data

from ..encoders import BaseEncoder, EncodedBatch
from ..exceptions import ImageReadError
from ..inputs import as_embeddings, check_items, check_range, in_order, was_read, with_groups
from ._multi_label import MultiLabelClassifierMixin

_WEIGHT = 0.5  # of the regions; on photos, anything from 0.4 to 0.6 scores alike
_MAX_SCORES = 2**24  # computed at once: 64 MB
_BATCH = 64  # images, if their embeddings come with regions


def pool_regions(scores: torch.Tensor, weight: float | str, lift: float = 0) -> torch.Tensor:
    """One score per label: the whole image's, mixed by `weight` with that of its best regions.

    `scores` have shape (n_images, 1 + n_regions, n_labels), with the whole image first. The best
    regions are 2 %: 4 of 14 x 14. As the best of many score high even if a label is absent,
    `lift` is subtracted from their mean.
    """
    weight = _WEIGHT if isinstance(weight, str) else weight
    n_best = max(1, round((scores.shape[1] - 1) / 49))
    best = scores[:, 1:].topk(n_best, dim=1).values.mean(dim=1)
    return (1 - weight) * scores[:, 0] + weight * (best - lift)


class EncoderClassifierMixin(MultiLabelClassifierMixin):
    """Embeds items batch by batch, and scores the whole items and their regions.

    Subclasses have the parameters `encoder` and `region_weight`.
    """

    encoder: Any
    encoder_: Any
    region_weight: Any
    n_features_in_: int

    @property
    def _region_lift(self) -> float:
        """Score of the best regions even if a label is absent, see :func:`pool_regions`."""
        return 0

    def predict_regions(self, X: Any, labels: Sequence[Any] | None = None) -> np.ndarray:
        """Probability of each label in each region of images.

        Parameters
        ----------
        X : list or iterator of n_images, or array of shape (n_images, 1 + n_regions, n_features)
            Images, or the output of the encoder's ``transform_regions``.
        labels : sequence or None, default=None
            Labels to look for; None for all of `classes_`.

        Returns
        -------
        ndarray of shape (n_images, n_rows, n_columns, n_labels)
            Probabilities, with the regions in the order of the image. The encoder's
            ``region_frame`` tells which part of the image they cover. NaN for images that
            could not be read, if the encoder lets these pass.

        Raises
        ------
        ValueError
            If the encoder's model has no regions, `X` contains texts, or `labels` contains
            one that is not in `classes_`.

        See Also
        --------
        RegionDisplay : Draws them over the image.
        """
        check_is_fitted(self)
        columns = self._columns(labels)
        maps = []
        for rows, embeddings, is_image in self._batches(X, None, regions=True):
            n_regions = embeddings.shape[1] - 1 if embeddings.ndim == 3 else 0
            if not is_image or n_regions == 0:
                raise ValueError(
                    "X contains texts, which have no regions. Give only images."
                    if not is_image
                    else "There are no regions: the encoder's model has none, or X contains "
                    "embeddings of whole images. Give images, and an encoder whose model has "
                    "regions, such as OpenCLIPEncoder('ViT-B-16')."
                )
            found = np.full((len(rows), n_regions, len(columns)), np.nan, np.float32)
            read = np.flatnonzero(was_read(embeddings))
            for part, scores in self._of_parts(embeddings[read]):
                found[read[part]] = self._proba(scores)[:, 1:, columns]
            maps.append((rows, found.reshape(len(rows), *self._grid(n_regions), -1)))
        return in_order(maps)

    def _columns(self, labels: Sequence[Any] | None) -> np.ndarray:
        if labels is None:
            return np.arange(len(self.classes_))
        column = {label: k for k, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in labels if label not in column]
        if unknown:
            raise ValueError(
                f"labels names {unknown[:5]}, which this classifier does not know; it knows "
                f"{self.classes_.tolist()[:10]}."
            )
        return np.array([column[label] for label in labels], dtype=int)

    def _grid(self, n_regions: int) -> tuple[int, int]:
        """Rows and columns; embeddings alone tell them only for squares."""
        side = math.isqrt(n_regions)
        if side * side == n_regions:
            return side, side
        grid = self.encoder_.region_grid() if isinstance(self.encoder_, BaseEncoder) else None
        if grid is None or grid[0] * grid[1] != n_regions:
            raise ValueError(f"X has {n_regions} regions, which do not form a known grid.")
        return grid

    @abstractmethod
    def _scores(self, embeddings: np.ndarray, is_image: bool) -> np.ndarray:
        """Scores of shape (n, n_labels) for embeddings of shape (n, n_features)."""

    @abstractmethod
    def _to_proba(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities for scores, with labels in the last dimension."""

    def _proba(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities for scores; a group's is at least that of each member."""
        return with_groups(self._to_proba(scores), self.vocabulary_, self.classes_)

    def _outputs(self, X: Any) -> np.ndarray:
        """Scores of the items in `X`, in their order."""
        return in_order(list(self._iter_outputs(X)))

    def _iter_outputs(
        self, X: Any, errors: list[ImageReadError] | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows of `X` and their scores, batch by batch; NaN for items that could not be read."""
        check_is_fitted(self)
        for rows, embeddings, is_image in self._batches(X, errors, self.region_weight != 0):
            found = np.full((len(rows), len(self.classes_)), np.nan, np.float32)
            read = np.flatnonzero(was_read(embeddings))
            if embeddings.ndim == 3 and embeddings.shape[1] == 1:
                embeddings = embeddings[:, 0]
            if embeddings.ndim == 2:
                self._check_region_weight(is_image)
                if len(read):
                    found[read] = self._scores(embeddings[read], is_image)
            else:
                for part, scores in self._of_parts(embeddings[read]):
                    of_parts = torch.from_numpy(scores)
                    pooled = pool_regions(of_parts, self.region_weight, self._region_lift)
                    found[read[part]] = pooled.numpy()
            yield rows, with_groups(found, self.vocabulary_, self.classes_)

    def _of_parts(self, embeddings: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Slices of the images, and their scores of shape (n, 1 + n_regions, n_labels)."""
        n_images, n_parts, n_features = embeddings.shape
        step = max(1, _MAX_SCORES // (n_parts * len(self.classes_)))
        for start in range(0, n_images, step):
            part = slice(start, start + step)
            scores = self._scores(embeddings[part].reshape(-1, n_features), True)
            yield part, scores.reshape(-1, n_parts, len(self.classes_))

    def _batches(
        self, X: Any, errors: list[ImageReadError] | None, regions: bool
    ) -> Iterator[EncodedBatch]:
        """Checked embeddings of `X`; an `X` of embeddings counts as images."""
        given = as_embeddings(X)
        if given is not None:
            yield from self._given(given, regions)
        elif isinstance(self.encoder_, BaseEncoder):
            for batch in self.encoder_.iter_batches(X, regions=regions, errors=errors):
                self._check_width(batch.embeddings)
                yield batch
        else:
            items, is_image = check_items(X)
            embeddings = np.asarray(self.encoder_.transform(items), dtype=np.float32)
            self._check_width(embeddings)
            for kind in (False, True):
                rows = np.flatnonzero(is_image == kind)
                if len(rows):
                    yield EncodedBatch(rows, embeddings[rows], kind)

    def _given(self, embeddings: Any, regions: bool) -> Iterator[EncodedBatch]:
        if np.ndim(embeddings) != 3:
            embeddings = validate_data(self, embeddings, reset=False, dtype=np.float32, order="C")
            check_range(embeddings)
            yield EncodedBatch(np.arange(len(embeddings)), embeddings, True)
            return
        self._check_width(embeddings)
        for start in range(0, len(embeddings), _BATCH):
            part = np.asarray(embeddings[start : start + _BATCH], np.float32)
            if not np.isfinite(part).all():
                raise ValueError("X contains NaN or infinity. Leave those images out of X.")
            part = check_range(part if regions else part[:, :1], start)
            yield EncodedBatch(start + np.arange(len(part)), part, True)

    def _check_width(self, embeddings: np.ndarray) -> None:
        """Refuse embeddings whose dimension differs from training."""
        if embeddings.shape[-1] != self.n_features_in_:
            raise ValueError(
                f"The encoder returns embeddings of dimension {embeddings.shape[-1]}, but this "
                f"classifier was fitted on embeddings of dimension {self.n_features_in_}. "
                "Set encoder to the one that made them."
            )

    def _check_region_weight(self, is_image: bool) -> None:
        if is_image and self.region_weight not in ("auto", 0):
            raise ValueError(
                f"region_weight={self.region_weight!r} takes the regions of images, but there are "
                "none: the encoder's model has none, or X contains embeddings of whole images. "
                "Set it to 'auto' or 0, or pass what the encoder's transform_regions returns."
            )
