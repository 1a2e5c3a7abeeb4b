"""Models and embeddings in memory: the one place where tests look behind an encoder."""

from __future__ import annotations

from typing import Any

from sklearn_tai.encoders import _cache, _loading


def model_of(encoder: Any) -> Any:
    """The loaded model of an encoder, with its tokenizer and preprocessing."""
    return encoder._load()


def n_loads() -> int:
    """How many models were loaded since the last :func:`forget_models`."""
    return _loading._load.cache_info().misses


def forget_models() -> None:
    """Let the next encoder load its model anew."""
    _loading._load.cache_clear()


def forget_embeddings() -> None:
    """Empty the cache that all encoders of the process share."""
    _cache.MEMORY.clear()
