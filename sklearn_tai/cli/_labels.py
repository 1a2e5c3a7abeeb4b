"""Labels from the command line or a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..corpus import Vocabulary

label_option = click.option(
    "--label",
    "named",
    multiple=True,
    metavar="LINE",
    help="A label, or any line of a file of labels. May be repeated.",
)


def read_labels(path: str | None, lines: Sequence[str]) -> Vocabulary:
    """The labels from a file ("-" for standard input) and from further lines."""
    from ..corpus import Vocabulary
    from ..inputs import read_utf8

    text = ""
    if path:
        with click.open_file(path, encoding="utf-8-sig") as file:
            text = read_utf8(file)
    return Vocabulary.from_text("\n".join([text, *lines]))
