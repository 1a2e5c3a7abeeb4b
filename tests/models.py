"""Models and embeddings in memory: the only test code that uses an encoder's private parts."""

from __future__ import annotations

from typing import Any

from sklearn_tai.encoders import _cache, _loading


def model_of(encoder: Any) -> Any:
    """The loaded model of an encoder, with its tokenizer and preprocessing."""
    return encoder._load()


def n_loads() -> int:
    """How many models have been loaded since the last :func:`forget_models`."""
    return _loading._load.cache_info().misses


def forget_models() -> None:
    """Make the next encoder load its model again."""
    _loading._load.cache_clear()


def forget_embeddings() -> None:
    """Empty the cache shared by all encoders of the process."""
    _cache.MEMORY.clear()
