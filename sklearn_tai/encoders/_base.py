"""What all encoders share: chunks, the cache, pictures that cannot be read, progress."""

from __future__ import annotations

import os
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from tqdm.auto import tqdm

from .._sklearn_compat import fit_context
from ..inputs import as_embeddings, item_chunks
from ._cache import MEMORY, EmbeddingCache, content_key
from ._images import image_batches
from ._loaded import LoadedModel
from ._text import text_batches

_CHUNK_BATCHES = 16
# Dimension of the embeddings of the models that were used, by class and name.
_WIDTHS: dict[tuple[type, str], int] = {}


class BaseEncoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base of the encoders: all but the model itself.

    A subclass loads its model in ``_load``, and its constructor takes the parameters
    named here. The rest is inherited: texts and images in one list, chunk by chunk, with
    progress; a cache by content; and what happens to images that cannot be read.
    """

    model_name: str
    batch_size: int
    normalize: bool
    cache: str | Path | None
    on_error: str
    verbose: int

    @abstractmethod
    def _load(self) -> LoadedModel:
        """The model, loaded at the first call and shared by all encoders that ask for it."""

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
            If `X` is empty, holds something else or an image that cannot be read, the
            model is unknown, or cannot take `image_size`.
        FileNotFoundError
            If there is no file at a path.
        ~sklearn_tai.exceptions.WeightsError
            If the weights are neither in the cache nor downloadable, or cannot be read.

        Warns
        -----
        UserWarning
            If images could not be read and ``on_error="nan"``, if texts fill the
            model's context, so that what is beyond is not seen, or if it is not known
            which activation the weights were trained with.
        """
        self._validate_params()
        return np.concatenate(list(self.iter_transform(X)))

    def iter_transform(self, X: Any) -> Iterator[np.ndarray]:
        """Embed items chunk by chunk, for more of them than memory holds.

        Parameters
        ----------
        X : list or iterator of items
            As in :meth:`transform`. An iterator is read as it is needed, so it may
            bring millions of images.

        Yields
        ------
        ndarray of shape (n_items_of_chunk, n_features), float32
            Embeddings of the next items, in their order. A list is one chunk, an
            iterator one of 16 batches at a time.

        Raises
        ------
        ValueError
            As in :meth:`transform`.

        Examples
        --------
        >>> from pathlib import Path
        >>> from sklearn_tai import OpenCLIPEncoder
        >>> folder = Path("thousands_of_photos")
        >>> for embeddings in OpenCLIPEncoder().iter_transform(
        ...     sorted(folder.rglob("*.jpg"))
        ... ):  # doctest: +SKIP
        ...     write(embeddings)
        """
        self._validate_params()
        if as_embeddings(X) is not None:
            raise ValueError(
                f"X is a numeric matrix, which {type(self).__name__} cannot encode; expected a "
                "list of texts and images. Embeddings go straight to the classifier."
            )
        loaded: LoadedModel | None = None
        failures: list[tuple[int, str]] | None = None if self.on_error == "raise" else []
        size = _CHUNK_BATCHES * self.batch_size
        total = len(X) if hasattr(X, "__len__") else None
        with tqdm(total=total, desc="Encoding", unit="item", disable=not self.verbose) as bar:
            for start, items, is_image in item_chunks(X, size):
                if loaded is None:  # after the items are checked: loading takes long
                    loaded = self._load()
                embeddings = self._encode_missing(loaded, items, is_image, start, bar, failures)
                _WIDTHS[type(self), self.model_name] = embeddings.shape[1]
                if self.normalize:
                    embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
                yield embeddings
        if failures:
            first = " ".join(message for _, message in sorted(failures)[:5])
            warnings.warn(
                f"{len(failures)} images could not be read, and their embeddings are NaN. {first}"
                f"{' ...' if len(failures) > 5 else ''}",
                UserWarning,
                stacklevel=3,
            )

    @property
    def _n_features_out(self) -> int:
        """Known once the model has encoded; a notebook's repr must not load it."""
        if (type(self), self.model_name) not in _WIDTHS:
            raise AttributeError("the model was not used yet")
        return _WIDTHS[type(self), self.model_name]

    def _encode_missing(
        self,
        loaded: LoadedModel,
        items: list[Any],
        is_image: np.ndarray,
        start: int,
        bar: tqdm,
        failures: list[tuple[int, str]] | None,
    ) -> np.ndarray:
        """Encode what the cache does not hold; the first item is the user's ``X[start]``."""
        if self.cache is None:
            return self._encode(
                loaded, items, is_image, np.arange(len(items)), start, bar, failures
            )
        in_memory = self.cache == "memory"
        cache: Any = MEMORY if in_memory else EmbeddingCache(self.cache)
        prefix = loaded.uid if in_memory else loaded.fingerprint
        keys = [content_key(prefix, item) for item in items]
        vectors = cache.get(keys)
        missing = list({key: i for i, key in enumerate(keys) if key not in vectors}.items())
        bar.update(len(items) - len(missing))
        if missing and not in_memory:
            # Processes that fill one cache with the same items begin at different places
            # and look again before each part, so that they share the work.
            turn = int.from_bytes(os.urandom(4), "big") % len(missing)
            missing = missing[turn:] + missing[:turn]
        step = _CHUNK_BATCHES * self.batch_size  # stored as it goes: a stop loses little
        for k in range(0, len(missing), step):
            part = dict(missing[k : k + step])
            vectors.update(cache.get(part) if k else {})
            rows = np.array([i for key, i in part.items() if key not in vectors], dtype=int)
            bar.update(len(part) - len(rows))
            if len(rows):
                encoded = self._encode(loaded, items, is_image, rows, start, bar, failures)
                new = [keys[i] for i in rows]
                read = ~np.isnan(encoded).any(axis=1)  # what failed may be mended
                cache.put([key for key, ok in zip(new, read) if ok], encoded[read])
                vectors.update(zip(new, encoded))
        return np.stack([vectors[key] for key in keys])

    def _encode(
        self,
        loaded: LoadedModel,
        items: list[Any],
        is_image: np.ndarray,
        rows: np.ndarray,
        start: int,
        bar: tqdm,
        failures: list[tuple[int, str]] | None,
    ) -> np.ndarray:
        """Embeddings of the items at `rows`, texts first."""
        texts, images = rows[~is_image[rows]], rows[is_image[rows]]
        chosen = [items[i] for i in texts], [items[i] for i in images]
        batches = chain(
            text_batches(loaded, chosen[0], self.batch_size),
            (
                (len(texts) + batch, encoded)
                for batch, encoded in image_batches(
                    loaded, chosen[1], start + images, self.batch_size, failures
                )
            ),
        )
        target = np.argsort(is_image[rows], kind="stable")  # where those lie in `rows`
        result: np.ndarray | None = None
        with torch.inference_mode():
            for batch, encoded in batches:
                if result is None:
                    result = np.empty((len(rows), encoded.shape[1]), dtype=np.float32)
                result[target[batch]] = encoded.float().cpu().numpy()
                bar.update(len(batch))
        assert result is not None  # rows are never empty
        return result

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags
