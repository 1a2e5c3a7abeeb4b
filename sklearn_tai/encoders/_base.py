"""Shared by all encoders: chunks, the cache, unreadable pictures, progress."""

from __future__ import annotations

import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from tqdm.auto import tqdm

from .._sklearn_compat import fit_context
from ..exceptions import ImageReadError, UnreadableImagesWarning
from ..inputs import as_embeddings, in_order, item_chunks
from ._cache import open_cache
from ._chunk import N_BATCHES, Chunk
from ._loaded import LoadedModel

# Embedding dimensions of the models used so far, by class and name.
_WIDTHS: dict[tuple[type, str], int] = {}


class EncodedBatch(NamedTuple):
    """Embeddings of some items.

    Parameters
    ----------
    rows : ndarray of int, shape (n_items,)
        Their positions in ``X``.
    embeddings : ndarray of shape (n_items, n_features) or (n_items, 1 + n_regions, n_features)
        Embeddings of whole items; with regions, the whole comes first.
    is_image : bool
        Whether all are images; else all are texts.
    """

    rows: np.ndarray
    embeddings: np.ndarray
    is_image: bool


class BaseEncoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of encoders: everything but the model itself.

    A subclass loads its model in ``_load``, and its constructor takes the parameters named
    here. The rest is inherited: texts and images in one list, in chunks, with progress
    bars; a cache by content; and the handling of images that cannot be read.
    """

    model_name: str
    batch_size: int
    normalize: bool
    cache: str | Path | None
    on_error: str
    verbose: int

    @abstractmethod
    def _load(self) -> LoadedModel:
        """The model, loaded on first use and shared by all encoders that use it."""

    def unpublished_model(self) -> str | None:
        """The model that it loads, if neither open_clip nor this package publishes it.

        Returns
        -------
        str or None
            A repository, folder or file, as it was given; None if the model is published.
        """
        return self.model_name

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any = None, y: Any = None) -> BaseEncoder:
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        X : Ignored
            Present by convention.
        y : Ignored
            Present by convention.

        Returns
        -------
        BaseEncoder
            This encoder.
        """
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Embed texts and images.

        Parameters
        ----------
        X : list or iterator of n_items
            ``str`` is a text; ``pathlib.Path``, PIL images and ``uint8`` arrays of shape
            (height, width, 3) are images. Both may be in one list.

        Returns
        -------
        ndarray of shape (n_items, n_features), float32
            Embeddings in the order of the items.

        Raises
        ------
        ValueError
            If `X` is empty, or contains something else or an image that cannot be read, if
            the model is unknown, or cannot take `image_size`.
        FileNotFoundError
            If a file does not exist.
        ~sklearn_tai.exceptions.WeightsError
            If the weights are neither in the cache nor downloadable, or cannot be read.

        Warns
        -----
        UserWarning
            If images could not be read and ``on_error="nan"``, if texts fill the model's
            context, so that the rest of each is ignored, or if it is unknown which
            activation the weights were trained with.
        """
        return in_order([(batch.rows, batch.embeddings) for batch in self.iter_batches(X)])

    def transform_regions(self, X: Any) -> np.ndarray:
        """Embed images and all their regions.

        Parameters
        ----------
        X : list or iterator of n_items
            Images as in :meth:`transform`.

        Returns
        -------
        ndarray of shape (n_items, 1 + n_regions, n_features), float32
            The embedding of the whole image, then those of its regions, row by row. If the
            model has no regions, there are none. It takes 0.4 MB per image with ViT-B/16;
            :meth:`iter_batches` only needs that for one batch.

        Raises
        ------
        ValueError
            As in :meth:`transform`, or if `X` contains texts.
        """
        batches = list(self.iter_batches(X, regions=True))
        if not all(batch.is_image for batch in batches):
            raise ValueError("X contains texts, which have no regions. Give only images.")
        return in_order([(batch.rows, batch.embeddings) for batch in batches])

    def region_grid(self) -> tuple[int, int] | None:
        """Layout of an image's regions; loads the model.

        Returns
        -------
        tuple of int or None
            Number of rows and columns; None if the model has no regions.
        """
        tower = self._load().region_tower
        return None if tower is None else tower.grid

    def region_frame(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of an image that the regions cover; loads the model.

        Parameters
        ----------
        width, height : int
            Size of the image in pixels.

        Returns
        -------
        tuple of float
            Left, upper, right and lower edge, in pixels of the image. They are outside of
            it if the model pads images to a square.
        """
        return self._load().frame(width, height)

    def iter_batches(
        self, X: Any, *, regions: bool = False, errors: list[ImageReadError] | None = None
    ) -> Iterator[EncodedBatch]:
        """Embed items batch by batch, for more items than fit in memory.

        Parameters
        ----------
        X : list or iterator of items
            As in :meth:`transform`. An iterator is read as needed, 16 batches at a time, so
            it may yield millions of images.
        regions : bool, default=False
            Whether to include the embeddings of images' regions.
        errors : list or None, default=None
            With ``on_error="nan"``, the errors of images are appended here, as
            :class:`~sklearn_tai.exceptions.ImageReadError`; None for a warning at the end.

        Yields
        ------
        EncodedBatch
            Embeddings of some of the next items, and which they are. Texts come before
            images.

        Raises
        ------
        ValueError
            As in :meth:`transform`.

        Examples
        --------
        >>> from pathlib import Path
        >>> from sklearn_tai import OpenCLIPEncoder
        >>> photos = Path("thousands_of_photos").rglob("*.jpg")
        >>> for batch in OpenCLIPEncoder().iter_batches(photos):  # doctest: +SKIP
        ...     write(batch.rows, batch.embeddings)
        """
        self._validate_params()
        if as_embeddings(X) is not None:
            raise ValueError(
                f"X is a numeric matrix, which {type(self).__name__} cannot encode; expected a "
                "list of texts and images. Embeddings go straight to the classifier."
            )
        found = [] if errors is None else errors
        total = len(X) if hasattr(X, "__len__") else None
        cache = open_cache(self.cache)
        loaded: LoadedModel | None = None
        with tqdm(total=total, desc="Encoding", unit="item", disable=not self.verbose) as bar:
            for start, items, is_image in item_chunks(X, N_BATCHES * self.batch_size):
                if loaded is None:  # after the items are checked, as loading takes long
                    loaded = self._load()
                kept = None if self.on_error == "raise" else found
                chunk = Chunk(loaded, items, start, self.batch_size, regions, cache, kept)
                for kind in (False, True):
                    for rows, embeddings in chunk.embed(np.flatnonzero(is_image == kind)):
                        bar.update(len(rows))
                        _WIDTHS[type(self), self.model_name] = embeddings.shape[-1]
                        if self.normalize:
                            norms = np.linalg.norm(embeddings, axis=-1, keepdims=True)
                            embeddings = embeddings / norms
                        yield EncodedBatch(start + rows, embeddings, kind)
        if found and errors is None:
            warnings.warn(UnreadableImagesWarning(found), stacklevel=3)

    @property
    def _n_features_out(self) -> int:
        """Unknown until the model has been used: a repr in a notebook must not load it."""
        if (type(self), self.model_name) not in _WIDTHS:
            raise AttributeError("the model was not used yet")
        return _WIDTHS[type(self), self.model_name]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags
