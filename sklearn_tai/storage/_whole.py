"""Files that are complete or absent, even after a crash."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from ._lock import lock


@contextmanager
def whole_file(path: str | Path, companions: str | None = None) -> Iterator[Path]:
    """A path to write a file to, which replaces the target if the block succeeds.

    Other files written beside it are moved first, so that a file which names its companions,
    with new names each time, changes from one complete state to the next. Leftovers of a
    killed process are removed by the next one that writes the same file.

    Parameters
    ----------
    path : str or Path
        The file. A link stays a link, and devices and pipes are written to directly.
    companions : str or None, default=None
        Pattern of the files beside it that belong to it; older ones are removed.

    Yields
    ------
    Path
        Where to write, in a hidden folder beside it.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        yield target
        return
    with _draft_folder(target) as folder:
        draft = folder / target.name
        yield draft
        if target.exists():
            shutil.copymode(target, draft)
        files = sorted(folder.iterdir(), key=lambda file: file == draft)
        for file in files:
            _sync(file)
        with _open(target.parent) as descriptor:
            lock(descriptor, wait=True)
            for file in files:
                os.replace(file, target.with_name(file.name))
            os.fsync(descriptor)
            for old in target.parent.glob(companions) if companions else ():
                if old.name not in {file.name for file in files}:
                    old.unlink(missing_ok=True)


@contextmanager
def _draft_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target; its lock shows that the process is alive."""
    # hashed, as the target's name may already be as long as names can be
    digest = blake2b(os.fsencode(target.name), digest_size=6).hexdigest()
    prefix = f".sklearn-tai-{digest}-"
    for old in target.parent.glob(f"{prefix}*"):
        _remove_if_dead(old)
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        except OSError as error:  # name the target, not the hidden folder
            raise OSError(error.errno, error.strerror, str(target)) from error
        # until it is locked, another process may take it for abandoned
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            lock(descriptor, wait=True)
            if not folder.exists():
                continue
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return
        finally:
            os.close(descriptor)


def _remove_if_dead(folder: Path) -> None:
    try:
        with _open(folder) as descriptor:
            if lock(descriptor):
                shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # in use, or gone
        pass


@contextmanager
def _open(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync(file: Path) -> None:
    with _open(file) as descriptor:
        os.fsync(descriptor)
