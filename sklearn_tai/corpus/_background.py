"""Things that are none of the labels, for texts about images without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from .._typing import LabelNames
from ..inputs import as_vocabulary
from ._grammar import noun, singular


class _Thing(NamedTuple):
    names: tuple[str, ...]  # all names of one thing
    kinds: tuple[str, ...]  # names of its category


@cache
def _things() -> tuple[_Thing, ...]:
    lines = (files(__package__) / "data" / "background.txt").read_text("utf-8").splitlines()
    return tuple(_parse(lines))


def _parse(lines: Sequence[str]) -> Iterator[_Thing]:
    kinds: tuple[str, ...] = ()
    for line in filter(None, lines):
        if line.startswith("# "):
            kinds = tuple(line[2:].split(", "))
        else:
            yield _Thing(tuple(line.split(" / ")), kinds)


def background_names(labels: LabelNames) -> list[str]:
    """Names of everyday things, scenes and materials that are none of the labels.

    Names of things that are, contain or mean a label are left out: "fire truck" and "lorry"
    for "truck", and all animals for "animal".

    Parameters
    ----------
    labels : sequence of n_labels str, mapping or Vocabulary
        The labels; all their names count.

    Returns
    -------
    list of str
        About a thousand names, one for each thing.

    Examples
    --------
    >>> from sklearn_tai.corpus import background_names
    >>> names = background_names(["sofa", "animal"])
    >>> "couch" in names, "dog" in names, "bridge" in names
    (False, False, True)
    """
    wanted = {
        _words(form)
        for names in as_vocabulary(labels).values()
        for name in names
        for form in (name, singular(name), noun(name).plural)
    }
    return [
        thing.names[0]
        for thing in _things()
        if not wanted & {_words(kind) for kind in thing.kinds}
        and not any(_is_part(_words(name), w) for name in thing.names for w in wanted)
    ]


def _words(name: str) -> tuple[str, ...]:
    return tuple(name.lower().replace("-", " ").split())


def _is_part(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one name contains the other, word by word."""
    short, long = sorted((one, other), key=len)
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))
