"""A file of finished captions, which are only appended and survive a kill at any moment."""

from __future__ import annotations

import json
import os
import threading
from io import FileIO
from pathlib import Path
from typing import Any, TypedDict

from .._typing import Settings
from ..storage import json_line, open_locked

_FORMAT = "sklearn-tai captions 1"
_BEGINNING = f'{{"format": "{_FORMAT}"'.encode()


class Caption(TypedDict, total=False):
    """The outcome of one variation of a label set: a text, or the reason why there is none."""

    set: int
    variation: int
    labels: list[str]
    text: str | None
    shortened: bool
    reason: str


class Checkpoint:
    """Captions by (label set, variation), in a JSON Lines file or in memory.

    The first line holds the settings; a file with other settings is refused. An incomplete
    last line, left by a killed process, is removed.

    Parameters
    ----------
    path : str, Path or None
        The file; None keeps captions in memory only.
    settings : dict
        Settings that all captions must share.
    """

    def __init__(self, path: str | Path | None, settings: Settings) -> None:
        self.path = None if path is None else Path(path)
        self.records: dict[tuple[int, int], Caption] = {}
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_dir():
            raise ValueError(f"checkpoint {str(path)!r} is a folder; expected the path of a file.")
        try:
            self._file = open_locked(self.path)
        except BlockingIOError:
            raise BlockingIOError(
                f"checkpoint {str(path)!r} is in use by another generator. Wait until it ends, or "
                "give another path."
            ) from None
        try:
            self._take_up(settings)
        except BaseException:
            self.close()
            raise

    def _take_up(self, settings: Settings) -> None:
        assert self.path is not None
        data = self.path.read_bytes()
        if not (data.startswith(_BEGINNING) or _BEGINNING.startswith(data)):
            raise self._not_ours(1)
        whole = data[: data.rfind(b"\n") + 1]
        kept = whole.decode("utf-8", "replace").split("\n")[:-1]
        if kept:
            self._read(kept, settings)
        if len(whole) < len(data):  # not before the file is known to be ours
            os.truncate(self.path, len(whole))
        if not kept:
            self._write({"format": _FORMAT, "settings": settings})

    @staticmethod
    def stored_settings(path: str | Path | None) -> Settings:
        """The settings of an existing checkpoint; empty if there is none."""
        try:
            with open(path, encoding="utf-8") as file:  # type: ignore[arg-type]
                return dict(json.loads(file.readline())["settings"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}

    def _not_ours(self, number: int) -> ValueError:
        return ValueError(
            f"checkpoint {str(self.path)!r}: line {number} does not belong to a checkpoint of "
            "captions. Give another path, or delete the file."
        )

    def _read(self, lines: list[str], settings: Settings) -> None:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                if number == 1:
                    known = dict(record["settings"])
                elif _is_caption(record):
                    self.records.setdefault((record["set"], record["variation"]), record)
                else:
                    raise TypeError
            except (ValueError, KeyError, TypeError, RecursionError):
                raise self._not_ours(number) from None
        wanted = json.loads(json.dumps(settings))
        changed = sorted(k for k in {*wanted, *known} if wanted.get(k) != known.get(k))
        if changed:
            details = "; ".join(
                f"{k} was {_short(known.get(k))}, is {_short(wanted.get(k))}" for k in changed
            )
            raise ValueError(
                f"checkpoint {str(self.path)!r} contains captions made with other settings: "
                f"{details}. Use the old settings to continue, or another path to start over."
            )

    def _write(self, record: Caption | Settings) -> None:
        assert self._file is not None
        line = json_line(record)
        while line:
            line = line[self._file.write(line) :]
        os.fsync(self._file.fileno())

    def add(self, record: Caption) -> None:
        """Keep a finished caption, written at once."""
        with self._lock:
            self.records[record["set"], record["variation"]] = record
            if self._file is not None:
                self._write(record)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _is_caption(record: Any) -> bool:
    places = type(record["set"]), type(record["variation"])
    if places != (int, int):
        return False
    if record["text"] is None:
        return isinstance(record["reason"], str)
    return isinstance(record["text"], str) and isinstance(record["shortened"], bool)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
