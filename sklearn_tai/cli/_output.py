"""Where tagged images go: standard output, or a file that a stopped run can continue."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from array import array
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np

from .._typing import Settings
from ..exceptions import shown
from ..storage import open_locked, whole_file
from ._formats import CSV, JSONLines, Tagged


class ResumableFile:
    """Tagged images in a file that stays usable whenever the run stops.

    A hidden file beside it, ``.NAME.json``, records the settings behind the tags, so that
    tags of two models never mix, and the length of the file when it was last closed: if it
    is longer now, the run was killed, and its end cannot be trusted.

    Parameters
    ----------
    path : Path
        The file, new or begun.
    form : CSV or JSONLines
        The format.
    settings : dict
        Settings that all tags in a file must share.
    force : bool
        Whether to start over.
    """

    def __init__(self, path: Path, form: CSV | JSONLines, settings: Settings, force: bool) -> None:
        self.path, self._form, self._settings = path, form, settings
        self._note = path.with_name(f".{path.name}.json")
        self._done = np.empty(0, np.uint64)
        try:
            self._file = open_locked(path)
        except BlockingIOError:
            raise click.ClickException(
                f"Another command is writing {str(path)!r}; wait until it ends, or give another "
                "FILE."
            ) from None
        try:
            self._take_up(force)
        except BaseException:
            self._file.close()
            raise

    def _take_up(self, force: bool) -> None:
        if force:
            self._file.truncate(0)
        if size := self.path.stat().st_size:
            stored = self._stored()
            self._check_settings(stored)
            self._file.truncate(self._read(was_closed=stored.get("size") == size))
        self._store(size=None)
        if not self.path.stat().st_size:
            self._append(self._form.header)

    @property
    def n_done(self) -> int:
        """Number of images in the file when it was opened."""
        return len(self._done)

    def is_done(self, path: str) -> bool:
        """Whether an image was in the file when it was opened."""
        digest = np.uint64(_digest(path))
        k = np.searchsorted(self._done, digest)
        return bool(k < len(self._done) and self._done[k] == digest)

    def write(self, pictures: Iterable[Tagged]) -> None:
        """Append images: all of them or, on failure, none."""
        self._append(self._form.encode(pictures))

    def close(self) -> None:
        """Close the file and record that it is complete; delete it if it has no images."""
        size = self.path.stat().st_size
        if size > len(self._form.header):
            self._store(size)
        else:
            self.path.unlink()
            self._note.unlink()
        self._file.close()

    def _append(self, data: bytes) -> None:
        whole = self._file.tell()
        try:
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())
        except BaseException:  # Ctrl-C, or a full disk
            self._file.truncate(whole)
            self._file.seek(whole)
            raise

    def _stored(self) -> Settings:
        try:
            return dict(json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            raise click.UsageError(
                f"{str(self.path)!r} exists, but {str(self._note)!r} is missing, so it cannot be "
                "continued; --force overwrites it."
            ) from None

    def _check_settings(self, stored: Settings) -> None:
        changed = [k for k, value in self._settings.items() if stored.get(k) != value]
        if changed:
            words = [
                "another model"
                if k == "model"
                else f"no --{k}"
                if stored.get(k) is None
                else f"--{k} {shown(stored[k], 20)}"
                for k in changed
            ]
            raise click.UsageError(
                f"{str(self.path)!r} was made with {' and '.join(words)}; --force overwrites it."
            )

    def _store(self, size: int | None) -> None:
        with whole_file(self._note) as draft:
            draft.write_text(json.dumps(self._settings | {"size": size}), encoding="utf-8")

    def _read(self, was_closed: bool) -> int:
        """Note the images that are done; returns the length of the complete rows."""
        digests = array("Q")
        whole, last_start, last_path = 0, None, None
        with open(self.path, "rb") as file:
            try:
                for path, length in self._form.records(file):
                    is_header = whole == 0 and self._form.header
                    if not is_header and path != last_path:
                        last_start, last_path = whole, path
                        digests.append(_digest(path))
                    whole += length
            except (LookupError, TypeError, ValueError, AttributeError, RecursionError, csv.Error):
                raise click.ClickException(
                    f"{str(self.path)!r} is damaged at byte {whole:,}; --force starts it again."
                ) from None
        if not was_closed and self._form.rows_of_one_picture and last_start is not None:
            whole = last_start  # the last picture may lack rows
            digests.pop()
        self._done = np.sort(np.frombuffer(digests, np.uint64)) if digests else self._done
        return whole


def _digest(path: str) -> int:
    """8 bytes per path: 8 MB for a million paths, with a collision in one of 10^7 runs."""
    digest = hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")
