"""Predict on folders of any size: in parts, in parallel, and resumable."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import SystemRandom
from typing import Any

import joblib
import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from .._typing import Classifier
from ..exceptions import install_command
from ..inputs import IMAGE_SUFFIXES
from ._parts import Parts
from ._stores import find_objects, is_url, predict_proba

__all__ = ["predict_folder"]

# parameters and state that change how an estimator runs, but not its predictions
_HOW = {
    "_radius_is_tried",
    "batch_size",
    "cache",
    "callbacks",
    "device",
    "n_jobs",
    "on_error",
    "verbose",
}


def predict_folder(
    estimator: Classifier,
    images: str | Path | Iterable[Path | str],
    output: str | Path,
    *,
    part_size: int = 1000,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Path | str:
    """Predict the probabilities of labels for all images in a folder, as a Parquet dataset.

    The work is split into parts, each written when it is done. Make the same call again to
    continue after an interruption; new images are added, and those that could not be read
    are tried again. With ``n_jobs``, inside ``joblib.parallel_config("dask")``, or if
    several machines make the same call, parts are processed in parallel.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier that takes images. If some images may be broken, set
        ``on_error="nan"`` on its encoder: their probabilities are then NaN.
    images : str, Path, or iterable of Path and str
        A folder, searched with all its sub-folders, or the paths themselves. URLs such as
        "s3://bucket/photos" are those of stores that fsspec reads; each part's pictures
        are copied to the folder for temporary files while it is worked on.
    output : str or Path
        A folder for the parts, created if needed, or its URL.
    part_size : int, default=1000
        Pictures in a part.
    n_jobs : int or None, default=None
        Parts processed in parallel, each in its own process, which loads CLIP once.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar over the parts.

    Returns
    -------
    Path or str
        `output`: files ``part-*.parquet`` with the columns ``path`` and one for each
        label, float32. ``pandas.read_parquet(output)`` reads them all; the order is not
        that of the pictures. In names of files what is not UTF-8 is written as Python
        escapes it.

    Raises
    ------
    ValueError
        If there are no pictures, `part_size` is below 1, a label cannot name a column, a
        URL is of no known kind, or `output` holds predictions of another classifier or a
        damaged part.
    FileNotFoundError
        If there is no such folder or bucket.
    OSError
        If a store cannot be reached, as without credentials.
    ImportError
        If pyarrow is not installed (``pip install 'sklearn-tai[bulk]'``), or what fsspec
        needs for a URL (``pip install s3fs`` for S3).

    Examples
    --------
    >>> from sklearn_tai.deploy import predict_folder
    >>> predict_folder(clf, "photos", "predictions")  # doctest: +SKIP
    >>> predict_folder(clf, "s3://bucket/photos", "s3://bucket/predictions")  # doctest: +SKIP
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ImportError(
            f"predict_folder writes Parquet files, which need pyarrow: {install_command('bulk')}"
        ) from None
    check_is_fitted(estimator)
    if part_size < 1:
        raise ValueError(f"part_size is {part_size}; expected 1 or more.")
    columns = ["path", *map(str, estimator.classes_)]
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise ValueError(
            f"The output would have columns named {repeated} more than once: of labels, or of a "
            'label and of the pictures, which is "path". Rename the labels, in classes_.'
        )
    if not is_url(output):
        output = Path(output)
        output.mkdir(parents=True, exist_ok=True)
    model = joblib.hash([_learnt(estimator), columns])
    pictures: dict[str, Path | str] = {}
    for picture in _listed(images):
        if pictures.setdefault(_name(picture), picture) != picture:
            raise ValueError(
                f"Two pictures would be called {_name(picture)!r}. Rename one of them."
            )
    if not pictures:
        raise ValueError(f"images={str(images)!r} contains no pictures; see {IMAGE_SUFFIXES}.")
    parts = Parts(output, model)
    done: set[str] = set()
    todo: list[tuple[str, list[str], bool]] = []
    for part in parts.names():
        table = parts.read(part)
        names = table["path"].to_pylist()
        done.update(names)
        unread = np.isnan(table.column(1).to_numpy())
        if again := [name for name, bad in zip(names, unread) if bad and name in pictures]:
            todo.append((part, again, True))
    new = iter([name for name in pictures if name not in done])
    while names := list(islice(new, part_size)):
        todo.append((_part_name(model, names), names, False))
    SystemRandom().shuffle(todo)  # concurrent runs then start on different parts
    jobs = (
        delayed(_predict_part)(estimator, [pictures[name] for name in names], parts, part, again)
        for part, names, again in todo
    )
    finished = Parallel(n_jobs, return_as="generator_unordered")(jobs)
    for _ in tqdm(finished, total=len(todo), desc="Predicting", unit="part", disable=not verbose):
        pass
    return output


def _listed(images: str | Path | Iterable[Path | str]) -> Iterable[Path | str]:
    if is_url(images):
        return find_objects(images)
    if isinstance(images, (str, Path)):
        return find_pictures(images)
    return (picture if is_url(picture) else Path(picture) for picture in images)


def find_pictures(images: str | Path, left_out: Counter[str] | None = None) -> Iterator[Path]:
    """The pictures in a folder, in a fixed order.

    Hidden files and folders are skipped. Files of other kinds, except sidecars, are counted in
    `left_out` by their suffix.
    """
    if not Path(images).is_dir():
        raise FileNotFoundError(f"images={str(images)!r} is not a folder. Check the path.")
    for folder, subfolders, names in os.walk(images, onerror=_refuse):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith("."):
                continue
            if suffix in IMAGE_SUFFIXES:
                yield Path(folder) / name
            elif left_out is not None and suffix != ".xmp":
                left_out[suffix or "without an ending"] += 1


def _refuse(error: OSError) -> None:
    raise PermissionError(
        f"The folder {error.filename!r} cannot be read ({error.strerror}), so its pictures would "
        "be left out. Allow it, or give the paths of the pictures instead of a folder."
    ) from error


def _name(path: Path | str) -> str:
    """A path as text, even if it is not valid UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _learnt(value: Any) -> Any:
    """What predictions depend on: no runtime settings, and fitted parts in place of unfitted."""
    if isinstance(value, BaseEstimator):
        state = value.__getstate__()
        kept = [name for name in state if name not in _HOW and f"{name}_" not in state]
        return type(value).__name__, {name: _learnt(state[name]) for name in kept}
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":  # or loading changes the hash
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_learnt(v) for v in value]
    return value


def _part_name(model: str, names: list[str]) -> str:
    """Named after model and pictures, so that two runs of the same part write the same file."""
    digest = hashlib.sha256("\n".join([model, *names]).encode())
    return f"part-{digest.hexdigest()[:16]}.parquet"


def _predict_part(
    estimator: Classifier, pictures: list[Path | str], parts: Parts, part: str, again: bool
) -> None:
    """Write a part unless it exists; with `again`, retry pictures that could not be read."""
    import pyarrow as pa

    if not again and part in parts:
        return
    proba = np.asarray(predict_proba(estimator, pictures), np.float32)
    names = pa.array(map(_name, pictures), pa.string())
    columns = {str(label): proba[:, k] for k, label in enumerate(estimator.classes_)}
    table = pa.table({"path": names} | columns)
    if again:
        if np.isnan(proba).all():
            return
        earlier = parts.read(part)
        others = pa.compute.invert(pa.compute.is_in(earlier["path"], names))
        table = pa.concat_tables([earlier.filter(others), table])
    parts.write(part, table)
