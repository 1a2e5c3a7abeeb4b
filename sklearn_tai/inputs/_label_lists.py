"""Lists of labels, checked, or read from the lines of a file, a command or a web page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np

_COMMENT = r"(?:^|\s)#.*"
_SYNTAX = rf"[,=:|\n]|{_COMMENT}"
_KINDS = "'car', 'car = car, automobile', 'vehicle: car, bus' or 'day | night'"

_Lists = dict[str, list[str]]


def check_labels(labels: Any) -> list[str]:
    """A list of label names, checked: nonempty, of str, none blank, none repeated."""
    if isinstance(labels, str):
        raise TypeError(
            f"labels is the single str {labels!r}; expected a list of label names. "
            "Wrap it in a list."
        )
    if isinstance(labels, Mapping):
        raise TypeError(
            f"labels is a {type(labels).__name__}, but here each label has one name. Give a list "
            "of them."
        )
    names = [str(name) if isinstance(name, np.str_) else name for name in labels]
    if not names:
        raise ValueError("labels is empty; at least one label name is required.")
    for i, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"labels[{i}] is {name!r}; expected a str that is not blank.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"labels contains {repeated} more than once; remove the repetitions.")
    return names


def checked(given: Any, where: str) -> tuple[str, ...]:
    """A checked list as a tuple; `where` names it in messages."""
    try:
        return tuple(check_labels(given))
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("labels", where, 1)) from None


def read_utf8(file: IO[str]) -> str:
    """The text of an open file of labels."""
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{str(file.name)!r} is not UTF-8 text ({error.reason}); save it as UTF-8."
        ) from None


def read_labels(text: str) -> tuple[_Lists, _Lists, list[list[str]]]:
    """Names of the labels, members of the groups, and exclusive labels."""
    names: _Lists = {}
    groups: _Lists = {}
    exclusive: list[list[str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = " ".join(re.sub(_COMMENT, "", line).split())
        signs = re.findall("[=:|]", line)
        sign = signs[0] if signs else ""
        head, *rest = (part.strip() for part in (line.split(sign) if sign else [line]))
        if len(set(signs)) > 1 or (signs and not head) or (sign != "|" and len(rest) > 1):
            raise ValueError(f"line {number} is {line!r}; expected a line like {_KINDS}.")
        if sign == "|":
            exclusive.append([head, *rest])
            continue
        parts = list(filter(None, map(str.strip, (rest[0] if sign else head).split(","))))
        kept = groups if sign == ":" else names
        for label, own in [(head, parts)] if sign else [(part, [part]) for part in parts]:
            if label in kept:
                raise ValueError(f"line {number}: {label!r} appears more than once; remove one.")
            kept[label] = own
    if not names and not groups:
        raise ValueError("there are no labels. Write one per line, in natural words.")
    return names, groups, exclusive


def write_labels(
    names: Mapping[str, Sequence[str]],
    groups: Mapping[str, Sequence[str]],
    exclusive: Sequence[Sequence[str]],
) -> str:
    """Text for :func:`read_labels`."""
    for name in (name for label, own in names.items() for name in (label, *own)):
        if re.search(_SYNTAX, name):
            raise ValueError(
                f"{name!r} cannot be written to a list of labels, where ',', '=', ':', '|' and "
                "'#' have a meaning. Rename it."
            )
    lines = [
        label if tuple(own) == (label,) else f"{label} = {', '.join(own)}".rstrip()
        for label, own in names.items()
    ]
    lines += [f"{group}: {', '.join(members)}" for group, members in groups.items()]
    return "\n".join([*lines, *map(" | ".join, exclusive)])
