"""CLIP models of open_clip as a transformer."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from itertools import chain
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from tqdm.auto import tqdm

from .._items import as_embeddings, item_chunks
from .._sklearn_compat import Interval, StrOptions, fit_context
from ._cache import MEMORY, EmbeddingCache, content_key
from ._images import image_batches
from ._loading import WIDTHS, LoadedModel, ModelRequest, load_model
from ._source import find_source
from ._text import text_batches

_CHUNK_BATCHES = 16


class OpenCLIPEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embed texts and images with a frozen CLIP model of open_clip.

    Weights are loaded at the first :meth:`transform`, once per process however many
    clones there are, and are never pickled.

    Parameters
    ----------
    model_name : str, default="ViT-B-16"
        A name of :data:`~sklearn_tai.encoders.PRESETS` ("fast", "balanced",
        "multilingual", "best", "paper"), one of ``open_clip.list_models()``,
        ``"hf-hub:org/model"``, ``"local-dir:/folder"``, or ``"tai-tiny"``: the small
        model inside this package, made for demonstrations and tests on pictograms.
    pretrained : str or None, default="auto"
        The tag of the weights (``open_clip.list_pretrained()``) or a file. "auto" takes
        what the name brings along, the only tag there is, or else OpenAI's. None for
        random weights.
    quick_gelu : bool or None, default=None
        The activation of the towers: QuickGELU or GELU. None for the one that the weights
        were trained with, and a warning where that is not known.
    device : str or None, default=None
        "cpu", "cuda", ...; None for a GPU if there is one.
    batch_size : int, default=64
        Images encoded at once. They are read in threads while the batch before is
        encoded, so two batches are in memory. Of texts, which are shorter, a batch
        takes more.
    normalize : bool, default=False
        Scale embeddings to unit length. The paper does not.
    precision : {"fp32", "bf16", "fp16"}, default="fp32"
        Number format of the model. "bf16" takes about half the time on processors and
        GPUs that have it, "fp16" is for GPUs; embeddings change by less than 0.1 %
        in direction and are returned as float32 either way.
    image_size : int or None, default=None
        Height and width in pixels that images are brought to; None for the model's own
        (224 for RN50). More shows small objects, at a cost that grows with its square.
        Positions of CLIP's ResNets and vision transformers are interpolated to match.
        The paper takes 448 for partial labels.
    resize_mode : {"shortest", "longest", "squash"} or None, default=None
        "shortest" brings the shorter edge to `image_size` and crops the centre,
        "longest" brings the longer one there and pads, "squash" distorts the whole image
        into the square. None for the model's own, "shortest" for most.
    cache : "memory", str, Path or None, default="memory"
        Where embeddings are kept, to be found again by content (weights, precision,
        preprocessing, text or picture): so a search encodes every item once.
        "memory" keeps up to 256 MiB in this process; a folder keeps them on disk,
        for later runs and for processes side by side (``n_jobs``); None keeps none.
    on_error : {"raise", "nan"}, default="raise"
        What an image that cannot be read does: "raise" stops with an error; "nan" gives
        it an embedding of NaN, and a warning at the end names what was wrong.
    verbose : int, default=0
        0 is silent, 1 shows progress bars.

    See Also
    --------
    TextAsImageClassifier : Trains on the embeddings of texts.

    Notes
    -----
    A text longer than the model's context (77 tokens for CLIP) is cut, as open_clip
    does. Where the text tower is causal, texts are sorted by length and run on as many
    positions as they need: the embeddings are the same, in a fraction of the time
    (docs/performance.md).

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder
    >>> encoder = OpenCLIPEncoder("tai-tiny")
    >>> encoder.transform(["a photo of a dog", "two cats on a sofa"]).shape
    (2, 256)
    """

    _parameter_constraints = {
        "model_name": [str],
        "pretrained": [str, None],
        "quick_gelu": ["boolean", None],
        "device": [str, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "normalize": ["boolean"],
        "precision": [StrOptions({"fp32", "bf16", "fp16"})],
        "image_size": [Interval(Integral, 1, None, closed="left"), None],
        "resize_mode": [StrOptions({"shortest", "longest", "squash"}), None],
        "cache": [str, Path, None],
        "on_error": [StrOptions({"raise", "nan"})],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model_name: str = "ViT-B-16",
        pretrained: str | None = "auto",
        *,
        quick_gelu: bool | None = None,
        device: str | None = None,
        batch_size: int = 64,
        normalize: bool = False,
        precision: str = "fp32",
        image_size: int | None = None,
        resize_mode: str | None = None,
        cache: str | Path | None = "memory",
        on_error: str = "raise",
        verbose: int = 0,
    ) -> None:
        self.model_name = model_name
        self.pretrained = pretrained
        self.quick_gelu = quick_gelu
        self.device = device
        self.batch_size = batch_size
        self.normalize = normalize
        self.precision = precision
        self.image_size = image_size
        self.resize_mode = resize_mode
        self.cache = cache
        self.on_error = on_error
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any = None, y: Any = None) -> OpenCLIPEncoder:
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        X : Ignored
            Present by convention.
        y : Ignored
            Present by convention.

        Returns
        -------
        OpenCLIPEncoder
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
                "X is a numeric matrix, which OpenCLIPEncoder cannot encode; expected a list of "
                "texts and images. Embeddings go straight to the classifier."
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
                WIDTHS[self.model_name] = embeddings.shape[1]
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

    def _load(self, precision: str | None = None) -> LoadedModel:
        """The model, in another precision than this encoder's if given."""
        return load_model(
            ModelRequest(
                find_source(self.model_name, self.pretrained),
                self.quick_gelu,
                self.device,
                precision or self.precision,
                self.image_size,
                self.resize_mode,
                self.verbose,
            )
        )

    @property
    def _n_features_out(self) -> int:
        """Known once the model has encoded; a notebook's repr must not load it."""
        if self.model_name not in WIDTHS:
            raise AttributeError("the model was not used yet")
        return WIDTHS[self.model_name]

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags
