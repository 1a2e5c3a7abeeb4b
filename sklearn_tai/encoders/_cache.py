"""Embeddings kept in memory or on disk, looked up by content."""

from __future__ import annotations

import hashlib
import sqlite3
import warnings
import zlib
from abc import ABCMeta, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from ..exceptions import shown

_ORIENTATION = 0x0112  # EXIF tag
_REGIONS = "+regions"  # suffix of the whole image's key
_CRC_BYTES = 4
_CHUNK = 500  # old builds of SQLite allow 999 variables per statement


def content_key(prefix: str, item: Any) -> str:
    """Hash of an item's content, not of its path."""
    digest = hashlib.sha256(prefix.encode())
    if isinstance(item, str):
        digest.update(b"text" + item.encode("utf-8", "surrogatepass"))
    elif isinstance(item, Path):
        digest.update(b"file")
        try:
            if not item.is_file():  # reading a pipe might never end
                raise FileNotFoundError
            hash_file(digest, item)
        except OSError:  # reported later, when the picture is opened
            digest.update(str(item).encode("utf-8", "surrogatepass"))
    elif isinstance(item, Image.Image):
        item.load()
        palette = item.palette and (item.palette.mode, bytes(item.palette.palette))
        how = palette, item.info.get("transparency"), item.getexif().get(_ORIENTATION)
        digest.update(f"image {item.mode} {item.size} {how}".encode() + item.tobytes())
    else:
        digest.update(f"array {item.shape}".encode() + np.ascontiguousarray(item).tobytes())
    return digest.hexdigest()


def hash_file(digest: Any, path: Path) -> None:
    """Feed a file's content to a hash of :mod:`hashlib`."""
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)


class _Cache(metaclass=ABCMeta):
    """Embeddings by key: whole items in float32, regions in float16 to halve their size."""

    def get(self, keys: Sequence[str], regions: bool = False) -> dict[str, np.ndarray]:
        """The embeddings of those keys that are in the cache, with regions if requested."""
        found = self._get(keys)
        if not regions:
            return found
        parts = self._get([key + _REGIONS for key in found])
        return {
            key: np.vstack([whole, parts[key + _REGIONS].reshape(-1, len(whole))])
            for key, whole in found.items()
            if key + _REGIONS in parts
        }

    def put(self, keys: Sequence[str], embeddings: np.ndarray) -> None:
        """Store one row per key; if rows are matrices, the whole image comes first."""
        if len(embeddings) == 0:
            return
        embeddings = np.asarray(embeddings, np.float32)
        if embeddings.ndim == 2:
            self._put(dict(zip(keys, embeddings)))
            return
        regions = embeddings[:, 1:].reshape(len(embeddings), -1).astype(np.float16)
        self._put(dict(zip(keys, embeddings[:, 0])))
        self._put({key + _REGIONS: part for key, part in zip(keys, regions)})

    @abstractmethod
    def _get(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        """The vectors of those keys that are in the cache."""

    @abstractmethod
    def _put(self, vectors: dict[str, np.ndarray]) -> None:
        """Store vectors."""


class MemoryCache(_Cache):
    """Vectors kept in this process; the least recently used are dropped first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def _get(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        found = {}
        with self._lock:
            for key in keys:
                if key in self._vectors:
                    self._vectors.move_to_end(key)
                    found[key] = self._vectors[key]
        return found

    def _put(self, vectors: dict[str, np.ndarray]) -> None:
        with self._lock:
            for key, vector in vectors.items():
                old = self._vectors.pop(key, None)
                # a view would keep the whole batch in memory
                self._vectors[key] = vector.copy()
                self.n_bytes += vector.nbytes - (0 if old is None else old.nbytes)
            while self.n_bytes > self.max_bytes and self._vectors:
                self.n_bytes -= self._vectors.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Drop all vectors."""
        with self._lock:
            self._vectors.clear()
            self.n_bytes = 0


# Shared by all encoders of the process: 256 MiB hold 65,000 embeddings of CLIP RN50.
MEMORY = MemoryCache(2**28)


class EmbeddingCache(_Cache):
    """A table of vectors in an SQLite file, safe for many processes.

    If it cannot be read or written, a warning is given and items are encoded again.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / "embeddings.sqlite"
        self._is_usable = True
        with self._usable():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not self.path.is_file():
                raise OSError("it is not a regular file")
            with self._connected() as db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS embedding (key TEXT PRIMARY KEY, vector BLOB)"
                )

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self._is_usable = False
            warnings.warn(
                f"The cache {str(self.path)!r} cannot be used ({shown(error)}), so embeddings are "
                "computed again. Give another folder, or delete the file if it is damaged.",
                UserWarning,
                stacklevel=1,
            )

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=60)) as db, db:
            yield db

    def _get(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        unique, found = list(dict.fromkeys(keys)), {}
        if not self._is_usable:
            return {}
        with self._usable(), self._connected() as db:
            for start in range(0, len(unique), _CHUNK):
                part = unique[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, vector FROM embedding WHERE key IN ({marks})"
                for key, blob in db.execute(query, part):
                    if isinstance(blob, bytes):
                        vector = blob[:-_CRC_BYTES]
                        if blob == vector + _crc(key, vector):
                            found[key] = np.frombuffer(vector, _dtype(key))
        return found

    def _put(self, vectors: dict[str, np.ndarray]) -> None:
        if not self._is_usable:
            return
        data = {key: vector.tobytes() for key, vector in vectors.items()}
        rows = [(key, vector + _crc(key, vector)) for key, vector in data.items()]
        with self._usable(), self._connected() as db:
            db.executemany("INSERT OR REPLACE INTO embedding VALUES (?, ?)", rows)


def _crc(key: str, vector: bytes) -> bytes:
    """A checksum that reveals truncated or damaged vectors, which SQLite does not detect."""
    return zlib.crc32(key.encode() + vector).to_bytes(_CRC_BYTES, "big")


def _dtype(key: str) -> type[np.floating[Any]]:
    return np.float16 if key.endswith(_REGIONS) else np.float32


def open_cache(cache: str | Path | None) -> MemoryCache | EmbeddingCache | None:
    """The cache that an encoder's parameter `cache` refers to."""
    if cache is None:
        return None
    return MEMORY if cache == "memory" else EmbeddingCache(cache)
