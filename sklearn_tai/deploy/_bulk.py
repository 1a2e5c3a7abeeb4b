"""Predict on folders of any size: in parts, side by side, and resumable."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from .._typing import Classifier
from ..exceptions import install_command, shown
from ..inputs import IMAGE_SUFFIXES
from ..storage import whole_file

__all__ = ["predict_folder"]

# parameters that say how an estimator is run, and change no prediction
_HOW = {"batch_size", "cache", "callbacks", "device", "n_jobs", "on_error", "verbose"}


def predict_folder(
    estimator: Classifier,
    images: str | Path | Iterable[Path],
    output: str | Path,
    *,
    part_size: int = 1000,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Path:
    """Probabilities of the labels of all pictures in a folder, as a Parquet dataset.

    Work is cut into parts, each written when it is done. After a stop the same call goes
    on where it was; pictures that came since are added, and those that could not be read
    are tried again. With ``n_jobs``, or inside ``joblib.parallel_config("dask")``, parts
    are worked on side by side.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier that takes images. For pictures that may be broken give its
        encoder ``on_error="nan"``: theirs are NaN.
    images : str, Path, or iterable of Path
        A folder, searched with all its sub-folders, or the paths themselves.
    output : str or Path
        A folder for the parts, made if need be.
    part_size : int, default=1000
        Pictures in a part.
    n_jobs : int or None, default=None
        Parts worked on at a time, each in a process of its own that loads CLIP once.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar over the parts.

    Returns
    -------
    Path
        `output`: files ``part-*.parquet`` with the columns ``path`` and one for each
        label, float32. ``pandas.read_parquet(output)`` reads them all; the order is not
        that of the pictures. In names of files what is not UTF-8 is written as Python
        escapes it.

    Raises
    ------
    ValueError
        If there are no pictures, `part_size` is below 1, a label cannot name a column, or
        `output` holds predictions of another classifier or a damaged part.
    FileNotFoundError
        If there is no such folder.
    ImportError
        If pyarrow is not installed (``pip install 'sklearn-tai[bulk]'``).

    Examples
    --------
    >>> from sklearn_tai.deploy import predict_folder
    >>> predict_folder(clf, "photos", "predictions")  # doctest: +SKIP
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
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    model = joblib.hash([_learnt(estimator), columns])
    paths: dict[str, Path] = {}
    for path in find_pictures(images):
        if paths.setdefault(_name(path), path) != path:
            raise ValueError(f"Two pictures would be called {_name(path)!r}. Rename one of them.")
    if not paths:
        raise ValueError(f"images={str(images)!r} holds no pictures; see {IMAGE_SUFFIXES}.")
    done = _names_done(output, model, paths)
    todo = iter([path for name, path in paths.items() if name not in done])
    parts = list(iter(lambda: list(islice(todo, part_size)), []))
    jobs = (delayed(_predict_part)(estimator, part, output, model) for part in parts)
    finished = Parallel(n_jobs, return_as="generator_unordered")(jobs)
    for _ in tqdm(finished, total=len(parts), desc="Predicting", unit="part", disable=not verbose):
        pass
    return output


def find_pictures(
    images: str | Path | Iterable[Path], left_out: Counter[str] | None = None
) -> Iterator[Path]:
    """The pictures of a folder in a fixed order, or the paths as given.

    Hidden files and folders are left alone. Files of other kinds are counted in `left_out`, by
    their suffix; sidecars are not.
    """
    if not isinstance(images, (str, Path)):
        yield from map(Path, images)
        return
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


def _name(path: Path) -> str:
    """A path as text, whatever its bytes are."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _learnt(value: Any) -> Any:
    """What predictions depend on, without how an estimator is run."""
    if isinstance(value, BaseEstimator):
        state = value.__getstate__()
        return type(value).__name__, {k: _learnt(v) for k, v in state.items() if k not in _HOW}
    if isinstance(value, (list, tuple)):
        return [_learnt(v) for v in value]
    return value


def _names_done(output: Path, model: str, paths: Container[str]) -> set[str]:
    """Names of the pictures with predictions; those of `paths` that have none are taken out."""
    import pyarrow as pa
    from pyarrow import parquet

    done: set[str] = set()
    for file in sorted(output.glob("part-*.parquet")):
        try:
            table = parquet.read_table(file)
            names = table["path"].to_pylist()
        except (pa.ArrowException, OSError, KeyError) as error:
            raise ValueError(
                f"{str(file)!r} cannot be read ({shown(error)}). Delete it, and its pictures are "
                "predicted again."
            ) from error
        if (table.schema.metadata or {}).get(b"sklearn_tai_model") != model.encode():
            raise ValueError(
                f"output={str(output)!r} holds predictions of another classifier ({file.name}). "
                "Give another folder, or empty it."
            )
        unread = np.isnan(table.column(1).to_numpy())
        kept = np.array([not (bad and name in paths) for name, bad in zip(names, unread)], bool)
        if not kept.any():
            file.unlink()
        elif not kept.all():
            with whole_file(file) as draft:
                parquet.write_table(table.filter(pa.array(kept)), draft)
        done.update(name for name, keep in zip(names, kept) if keep)
    return done


def _predict_part(estimator: Classifier, paths: list[Path], output: Path, model: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    proba = np.asarray(estimator.predict_proba(paths), np.float32)
    columns = {"path": pa.array(map(_name, paths), pa.string())}
    columns |= {str(label): proba[:, k] for k, label in enumerate(estimator.classes_)}
    table = pa.table(columns).replace_schema_metadata({"sklearn_tai_model": model})
    # The name says what is in it: a part done twice, by a worker that was taken for dead,
    # is written over itself.
    name = hashlib.sha256("\n".join(map(str, paths)).encode("utf-8", "surrogatepass")).hexdigest()
    with whole_file(output / f"part-{name[:16]}.parquet") as draft:
        parquet.write_table(table, draft)
