"""Tagged images as lines of a table, CSV or JSON Lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import click

from ..storage import json_line


class Tagged(NamedTuple):
    """An image with its labels, the likeliest first."""

    path: str
    labels: list[str]
    scores: list[float]


_FORMULAS = tuple("=+-@\t\r")  # spreadsheets run cells that begin with these


class CSV:
    """One row for each image and label; an image without labels gets a row with empty fields.

    No cell is taken for a formula: paths are preceded by "./", labels by an apostrophe.

    Parameters
    ----------
    bom : bool, default=False
        Whether the file begins with the mark by which Excel recognises UTF-8.
    """

    name = "csv"
    rows_of_one_picture = True

    def __init__(self, bom: bool = False) -> None:
        self._mark = codecs.BOM_UTF8 * bom

    @property
    def header(self) -> bytes:
        """The first line."""
        return self._mark + b"path,label,score\n"

    def encode(self, pictures: Iterable[Tagged]) -> bytes:
        """Rows of images."""
        rows = []
        for path, labels, scores in pictures:
            of_one = [[path, label, f"{score:.4f}"] for label, score in zip(labels, scores)]
            rows += of_one or [[path, "", ""]]
        return _csv(rows)

    def records(self, file: BinaryIO) -> Iterator[tuple[str, int]]:
        """Paths in the complete rows of a file, header included, and the rows' sizes in bytes."""
        record = b""
        for line in file:
            record += line
            if record.endswith(b"\n") and record.count(b'"') % 2 == 0:
                text = record.decode("utf-8", "surrogateescape")
                yield next(csv.reader([text]))[0].removeprefix("./"), len(record)
                record = b""


class Wide(CSV):
    """CSV with one row per image and one column per label, empty if the label was not found."""

    name = "wide"
    rows_of_one_picture = False
    labels: Sequence[str] = ()  # the model's

    @property
    def header(self) -> bytes:
        """The first line."""
        return self._mark + _csv([["path", *self.labels]])

    def encode(self, pictures: Iterable[Tagged]) -> bytes:
        """Rows of images."""
        rows = []
        for path, labels, scores in pictures:
            found = {label: f"{score:.4f}" for label, score in zip(labels, scores)}
            rows.append([path, *(found.get(label, "") for label in self.labels)])
        return _csv(rows)


def _csv(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for path, *cells in rows:
        path = f"./{path}" if path.startswith(_FORMULAS) else path
        row = [path, *(f"'{cell}" if cell.startswith(_FORMULAS) else cell for cell in cells)]
        # older versions of Python do not quote carriage returns by themselves
        (quoted if any("\r" in cell for cell in row) else plain).writerow(row)
    # file names that are not UTF-8 keep their bytes
    return text.getvalue().encode("utf-8", "surrogateescape")


class JSONLines:
    """A line for each image."""

    name = "jsonl"
    header = b""
    rows_of_one_picture = False

    def encode(self, pictures: Iterable[Tagged]) -> bytes:
        """Lines of images."""
        return b"".join(map(self._line, pictures))

    def _line(self, picture: Tagged) -> bytes:
        scores = [round(score, 4) for score in picture.scores]
        record = {"path": picture.path, "labels": picture.labels, "scores": scores}
        return json_line(record)

    def records(self, file: BinaryIO) -> Iterator[tuple[str, int]]:
        """Paths in the complete lines of a file, and the lines' sizes in bytes."""
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)["path"], len(line)


class Table:
    """Two columns that fit the terminal, for people rather than programs."""

    name = "table"
    header = b""

    def __init__(self) -> None:
        self._width = max(30, shutil.get_terminal_size().columns - 1)
        self._path_width = 0

    def encode(self, pictures: Iterable[Tagged]) -> bytes:
        """Rows of images; the first call sets the width of the first column."""
        pictures = [p._replace(path=_printable(p.path)) for p in pictures]
        if not self._path_width:
            widest = max((_cells(picture.path) for picture in pictures), default=0)
            self._path_width = min(widest, self._width // 2)
        lines = []
        for path, labels, scores in pictures:
            if _cells(path) > self._path_width:  # keep the end, which tells pictures apart
                path = "…" + _cut(path[::-1], self._path_width - 1)[::-1]
            path += " " * (self._path_width - _cells(path))
            tags = ", ".join(f"{label} {score:.0%}" for label, score in zip(labels, scores))
            tags, room = _printable(tags) or "-", self._width - self._path_width - 2
            if _cells(tags) > room:
                tags = _cut(tags, room - 1) + "…"
            lines.append(f"{path}  {tags}\n")
        return "".join(lines).encode()


class Names:
    """Names of the images that have a label, each followed by NUL."""

    name = "print0"
    header = b""

    def encode(self, pictures: Iterable[Tagged]) -> bytes:
        """Names of images."""
        return b"".join(os.fsencode(p.path) + b"\0" for p in pictures if p.labels)


class Whole(NamedTuple):
    """A format that is written at the end, from all images."""

    name: str


Format: TypeAlias = "Table | CSV | JSONLines | Names | Whole"
FORMATS = ("table", "csv", "wide", "jsonl", "parquet", "html")
_ENDINGS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".html": "html",
    ".htm": "html",
}


def format_of(output: Path | None, name: str | None, bom: bool) -> Format:
    """The requested format, or the one that the file's suffix implies."""
    if name is None and output is None:
        name = "table" if sys.stdout.isatty() else "csv"
    elif name is None:
        assert output is not None
        name = _ENDINGS.get(output.suffix.lower())
        if name is None:
            raise click.UsageError(
                f"The suffix of {str(output)!r} names no format; use {', '.join(_ENDINGS)}, or "
                "give --format."
            )
    if name == "table" and output is not None:
        raise click.UsageError("A table is for reading; give another --format with -o.")
    if name in ("parquet", "html") and output is None:
        raise click.UsageError(f"--format {name} is written as a whole; give a file with -o.")
    if bom and name not in ("csv", "wide"):
        raise click.UsageError("--bom needs a CSV format.")
    if name in ("csv", "wide"):
        return CSV(bom) if name == "csv" else Wide(bom)
    if name in ("parquet", "html"):
        return Whole(name)
    return Table() if name == "table" else JSONLines()


def _printable(text: str) -> str:
    """Replace characters that could control the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _cells(text: str) -> int:
    """How many terminal cells a text takes; Chinese characters take two."""
    return sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, width: int) -> str:
    """As much of a text as fits into `width` cells."""
    used = 0
    for k, character in enumerate(text):
        used += _cells_of(character)
        if used > width:
            return text[:k]
    return text
