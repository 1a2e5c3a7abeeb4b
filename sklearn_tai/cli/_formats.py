"""Tagged pictures as lines of a table, CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from ..storage import json_line


class Tagged(NamedTuple):
    """A picture with its labels, the likeliest first."""

    path: str
    labels: list[str]
    scores: list[float]


_FORMULAS = tuple("=+-@\t\r")  # what begins so is run by spreadsheets


class CSV:
    """A row for each picture and label; one with empty fields for a picture without labels.

    No cell begins a formula: paths get a "./" before them, labels an apostrophe.
    """

    header = b"path,label,score\n"
    rows_of_one_picture = True

    def encode(self, pictures: Iterable[Tagged]) -> bytes:
        """Rows of pictures."""
        text = io.StringIO(newline="")
        plain = csv.writer(text, lineterminator="\n")
        quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for path, labels, scores in pictures:
            path = f"./{path}" if path.startswith(_FORMULAS) else path
            rows = [[path, label, f"{score:.4f}"] for label, score in zip(labels, scores)]
            for row in rows or [[path, "", ""]]:
                if row[1].startswith(_FORMULAS):
                    row[1] = f"'{row[1]}"
                # which older versions of Python do not quote by themselves
                (quoted if "\r" in path + row[1] else plain).writerow(row)
        # names of files that are not UTF-8 come out as they are on disk
        return text.getvalue().encode("utf-8", "surrogateescape")

    def records(self, file: BinaryIO) -> Iterator[tuple[str, int]]:
        """Paths of the whole rows of a file and how many bytes each takes, the header's too."""
        record = b""
        for line in file:
            record += line
            if record.endswith(b"\n") and record.count(b'"') % 2 == 0:
                text = record.decode("utf-8", "surrogateescape")
                yield next(csv.reader([text]))[0].removeprefix("./"), len(record)
                record = b""


class JSONLines:
    """A line for each picture."""

    header = b""
    rows_of_one_picture = False

    def encode(self, pictures: Iterable[Tagged]) -> bytes:
        """Lines of pictures."""
        return b"".join(map(self._line, pictures))

    def _line(self, picture: Tagged) -> bytes:
        scores = [round(score, 4) for score in picture.scores]
        record = {"path": picture.path, "labels": picture.labels, "scores": scores}
        return json_line(record)

    def records(self, file: BinaryIO) -> Iterator[tuple[str, int]]:
        """Paths of the whole lines of a file and how many bytes each takes."""
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)["path"], len(line)


class Table:
    """Two columns that fit the terminal; for reading, not for programs."""

    header = b""

    def __init__(self) -> None:
        self._width = max(30, shutil.get_terminal_size().columns - 1)
        self._path_width = 0

    def encode(self, pictures: Iterable[Tagged]) -> bytes:
        """Rows of pictures; the first ones given decide the width of the first column."""
        pictures = [p._replace(path=_printable(p.path)) for p in pictures]
        if not self._path_width:
            widest = max((_cells(picture.path) for picture in pictures), default=0)
            self._path_width = min(widest, self._width // 2)
        lines = []
        for path, labels, scores in pictures:
            if _cells(path) > self._path_width:  # its end tells pictures apart
                path = "…" + _cut(path[::-1], self._path_width - 1)[::-1]
            path += " " * (self._path_width - _cells(path))
            tags = ", ".join(f"{label} {score:.0%}" for label, score in zip(labels, scores))
            tags, room = _printable(tags) or "-", self._width - self._path_width - 2
            if _cells(tags) > room:
                tags = _cut(tags, room - 1) + "…"
            lines.append(f"{path}  {tags}\n")
        return "".join(lines).encode()


FORMATS: dict[str, type[Table | CSV | JSONLines]] = {
    "table": Table,
    "csv": CSV,
    "jsonl": JSONLines,
}


def _printable(text: str) -> str:
    """Without what could command the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes; Chinese characters take two."""
    return sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, width: int) -> str:
    """As much of a text as `width` cells hold."""
    used = 0
    for k, character in enumerate(text):
        used += _cells_of(character)
        if used > width:
            return text[:k]
    return text
