"""Pictures and parts in object stores, through fsspec."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeGuard

from .._typing import Classifier
from ..exceptions import ImageReadError, UnreadableImagesWarning, shown
from ..inputs import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_N_AT_ONCE = 32  # parallel requests: they mostly wait


def is_url(place: object) -> TypeGuard[str]:
    """Whether a place is in a store, such as "s3://bucket/photos"."""
    return isinstance(place, str) and "://" in place


def file_system(place: str | Path) -> tuple[AbstractFileSystem, str]:
    """The file system of a place, and its path there."""
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem
    from fsspec.registry import known_implementations

    if not is_url(place):
        return LocalFileSystem(), os.path.abspath(place)
    protocol = place.partition("://")[0]
    try:
        # no cached listings: others write there too
        fs, path = url_to_fs(place, use_listings_cache=False)
    except ImportError as error:
        package = known_implementations[protocol]["class"].partition(".")[0]
        raise ImportError(f"{place!r} needs {package}: pip install {package}") from error
    except ValueError as error:
        raise ValueError(
            f"{place!r} is in no store that fsspec knows ({error}). Take a folder, or a URL such "
            "as s3://bucket/folder."
        ) from error
    return fs, path.rstrip("/")


@contextmanager
def reached(place: str | Path) -> Iterator[None]:
    """Raise one kind of error for a place: each store's package has its own."""
    try:
        yield
    except Exception as error:
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else OSError
        raise kind(
            f"{str(place)!r} cannot be reached ({shown(error)}). Check its name, and that you may "
            "read and write there; credentials are those that the environment holds."
        ) from error


def find_objects(url: str) -> Iterator[str]:
    """URLs of the pictures below a URL, in a fixed order, without hidden ones."""
    fs, root = file_system(url)
    with reached(url):
        paths = sorted(fs.find(root))
    for path in paths:
        name = path.removeprefix(root)
        if name.lower().endswith(IMAGE_SUFFIXES) and "/." not in name:
            # the store's own path may lack the account, or begin with abfs: instead of az:
            yield f"{url.rstrip('/')}{name}"


def predict_proba(estimator: Classifier, pictures: list[Path | str]) -> Any:
    """Probabilities for pictures; those in stores are copied temporarily."""
    if not any(map(is_url, pictures)):
        return estimator.predict_proba(pictures)

    def named(error: ImageReadError) -> ImageReadError:
        kind = type(error)
        return kind(error.index, pictures[error.index], error.reason, error.remedy)

    with (
        TemporaryDirectory(prefix="sklearn-tai-") as folder,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        try:
            proba = estimator.predict_proba(_copied(pictures, Path(folder)))
        except ImageReadError as error:
            raise named(error) from error
    for warning in caught:
        message = warning.message
        if isinstance(message, UnreadableImagesWarning):
            message = UnreadableImagesWarning([named(error) for error in message.errors])
        warnings.warn(message, stacklevel=2)
    return proba


def _copied(pictures: list[Path | str], folder: Path) -> list[Path]:
    """Files of the pictures; those in stores are copied to `folder`, if they still exist."""

    def at_hand(i: int, picture: Path | str) -> Path:
        if not is_url(picture):
            return Path(picture)
        copy = (folder / str(i)).with_suffix(Path(picture).suffix)
        fs, path = file_system(picture)
        with suppress(FileNotFoundError), reached(picture):
            fs.get_file(path, str(copy))
        return copy

    with ThreadPoolExecutor(_N_AT_ONCE) as pool:
        return list(pool.map(at_hand, range(len(pictures)), pictures))
