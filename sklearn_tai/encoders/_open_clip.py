"""CLIP models of open_clip as a transformer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval
from tqdm.auto import tqdm

from .._items import as_embeddings, check_items, open_image
from ._cache import EmbeddingCache, content_key
from ._loading import LoadedModel, load_model
from ._text import cut, text_lengths


class OpenCLIPEncoder(TransformerMixin, BaseEstimator):
    """Embed texts and images with a frozen CLIP model of open_clip.

    Weights are loaded at the first :meth:`transform`, once per process however many
    clones there are, and are never pickled.

    Parameters
    ----------
    model_name : str, default="RN50"
        A name of ``open_clip.list_models()``, ``"hf-hub:org/model"``,
        ``"local-dir:/folder"``, or ``"tai-tiny"``: the small model inside this
        package, made for demonstrations and tests on pictograms.
    pretrained : str or None, default="openai"
        The tag of the weights (``open_clip.list_pretrained()``) or a file. None for
        random weights. Not used for "tai-tiny", "hf-hub:" and "local-dir:", which
        bring their own.
    device : str or None, default=None
        "cpu", "cuda", ...; None for a GPU if there is one.
    batch_size : int, default=64
        Items encoded at once. Images are opened batch by batch.
    normalize : bool, default=False
        Scale embeddings to unit length. The paper does not.
    cache : str, Path or None, default=None
        A folder where embeddings are kept. They are found again by content (weights,
        preprocessing, text or picture), so other items are encoded as needed.
    verbose : int, default=0
        0 is silent, 1 shows progress bars.

    See Also
    --------
    TextAsImageClassifier : Trains on the embeddings of texts.

    Notes
    -----
    A text longer than the model's context (77 tokens for CLIP) is cut, as open_clip
    does. Where the text tower is causal, texts are sorted by length and run on as many
    positions as they need: the embeddings are the same, in a fraction of the time.

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
        "device": [str, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "normalize": ["boolean"],
        "cache": [str, Path, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model_name: str = "RN50",
        pretrained: str | None = "openai",
        *,
        device: str | None = None,
        batch_size: int = 64,
        normalize: bool = False,
        cache: str | Path | None = None,
        verbose: int = 0,
    ) -> None:
        self.model_name = model_name
        self.pretrained = pretrained
        self.device = device
        self.batch_size = batch_size
        self.normalize = normalize
        self.cache = cache
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
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
        X : list of n_items
            ``str`` is a text; ``pathlib.Path``, PIL images and ``uint8`` arrays of shape
            (height, width, 3) are images. Both may be in one list.

        Returns
        -------
        ndarray of shape (n_items, n_features), float32
            Embeddings in the order of the items.

        Raises
        ------
        ValueError
            If `X` is empty, holds something else or an image that cannot be read, or the
            model is unknown.
        FileNotFoundError
            If there is no file at a path.
        OSError
            If the weights are neither in the cache nor downloadable.
        """
        self._validate_params()
        if as_embeddings(X) is not None:
            raise ValueError(
                "X is a numeric matrix, which OpenCLIPEncoder cannot encode; expected a list of "
                "texts and images. Embeddings go straight to the classifier."
            )
        items, is_image = check_items(X)
        loaded = load_model(self.model_name, self.pretrained, self.device)
        if self.cache is None:
            embeddings = self._encode(loaded, items, is_image)
        else:
            embeddings = self._encode_cached(loaded, items, is_image)
        if self.normalize:
            embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        return embeddings

    def _encode_cached(
        self, loaded: LoadedModel, items: list[Any], is_image: np.ndarray
    ) -> np.ndarray:
        assert self.cache is not None
        cache = EmbeddingCache(self.cache)
        keys = [content_key(loaded.fingerprint, item) for item in items]
        vectors = cache.get(keys)
        missing = {key: i for i, key in enumerate(keys) if key not in vectors}
        rows = sorted(missing.values())
        step = 16 * self.batch_size  # stored as it goes, so that a stop loses little
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            encoded = self._encode(loaded, [items[i] for i in part], is_image[part], part)
            part_keys = [keys[i] for i in part]
            cache.put(part_keys, encoded)
            vectors.update(zip(part_keys, encoded))
        return np.stack([vectors[key] for key in keys])

    def _encode(
        self,
        loaded: LoadedModel,
        items: list[Any],
        is_image: np.ndarray,
        indices: list[int] | None = None,
    ) -> np.ndarray:
        """Encode texts and images apart; `indices` are the items' places in the user's X."""
        places = range(len(items)) if indices is None else indices
        result: np.ndarray | None = None
        for wanted, kind in ((False, "texts"), (True, "images")):
            rows = np.flatnonzero(is_image == wanted)
            bar = tqdm(
                total=len(rows),
                desc=f"Encoding {kind}",
                unit=kind[:-1],
                disable=not self.verbose or not len(rows),
            )
            batches = self._image_batches if wanted else self._text_batches
            with bar, torch.inference_mode():
                for batch, encoded in batches(loaded, items, rows, places):
                    if result is None:
                        result = np.empty((len(items), encoded.shape[1]), dtype=np.float32)
                    result[batch] = encoded.float().cpu().numpy()
                    bar.update(len(batch))
        assert result is not None  # items are never empty
        return result

    def _image_batches(
        self, loaded: LoadedModel, items: list[Any], rows: np.ndarray, places: Sequence[int]
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        for start in range(0, len(rows), self.batch_size):
            batch = rows[start : start + self.batch_size]
            pictures = [open_image(items[i], places[i]) for i in batch]
            pixels = torch.stack([loaded.preprocess(p) for p in pictures])
            yield batch, loaded.model.encode_image(pixels.to(loaded.device))

    def _text_batches(
        self, loaded: LoadedModel, items: list[Any], rows: np.ndarray, places: Sequence[int]
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """Texts of like length together, on as many positions as the longest needs."""
        step = 64 * self.batch_size  # bounds the memory that tokens take
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            tokens = loaded.tokenize([items[i] for i in part])
            if not loaded.text_can_be_cut:
                for k in range(0, len(part), self.batch_size):
                    own = tokens[k : k + self.batch_size].to(loaded.device)
                    yield part[k : k + self.batch_size], loaded.model.encode_text(own)
                continue
            lengths = text_lengths(loaded.model, tokens)
            for order in lengths.argsort(stable=True).split(self.batch_size):
                length = int(lengths[order[-1]])
                own = tokens[order, :length].to(loaded.device)
                yield part[order.numpy()], cut(loaded.model, length).encode_text(own)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags
