"""Errors with a type of their own, and how messages speak to the person who reads them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

__all__ = ["ImageNotFoundError", "ImageReadError", "UnreadableImagesWarning", "WeightsError"]

# of the running command; None in Python
_OPTIONS: ContextVar[frozenset[str] | None] = ContextVar("options", default=None)


class WeightsError(OSError):
    """The weights of a model cannot be found, downloaded or read.

    The message names the model, the cause and the remedy.

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder
    >>> from sklearn_tai.exceptions import WeightsError
    >>> try:
    ...     OpenCLIPEncoder("local-dir:/no/such/folder").transform(["a dog"])
    ... except WeightsError as error:
    ...     print(error)
    The weights of model_name='local-dir:/no/such/folder' cannot be loaded: there is no folder
    '/no/such/folder'. Give the path of one that holds open_clip_config.json and the weights.
    """


class ImageReadError(ValueError):
    """An image cannot be read, or cannot be resized for the model.

    Parameters
    ----------
    index : int
        Its position in ``X``.
    path : Path, str or None
        Its file, or its URL; None for PIL images and arrays.
    reason : str
        What is wrong, worded to follow the file name.
    remedy : str
        How to fix it; empty if the only way is to leave it out.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sklearn_tai import OpenCLIPEncoder
    >>> from sklearn_tai.exceptions import ImageReadError
    >>> try:
    ...     OpenCLIPEncoder("tai-tiny").transform(["a dog", Path("no_such_photo.jpg")])
    ... except ImageReadError as error:
    ...     print(error.index, error.path, error.reason)
    1 no_such_photo.jpg does not exist
    """

    def __init__(self, index: int, path: Path | str | None, reason: str, remedy: str) -> None:
        super().__init__(index, path, reason, remedy)
        self.index, self.path, self.reason, self.remedy = index, path, reason, remedy

    def __str__(self) -> str:
        name = "" if self.path is None else f"{str(self.path)!r} "
        leave = f"{self.remedy}, or leave it out of X." if self.remedy else "Leave it out of X."
        remedy = wording(leave, self.remedy and f"{self.remedy}.")
        place = wording(f"X[{self.index}]: ", "")
        return f"{place}{name}{self.reason}. {remedy}".rstrip()


class ImageNotFoundError(ImageReadError, FileNotFoundError):
    """The file of an image does not exist."""

    # for code that copies errors: ValueError.__new__ would refuse FileNotFoundError's fields
    __new__ = FileNotFoundError.__new__  # type: ignore[assignment]


class UnreadableImagesWarning(UserWarning):
    """Some images could not be read, and ``on_error="nan"`` let them pass.

    Parameters
    ----------
    errors : list of ImageReadError
        What was wrong with each, in the order of ``X``.
    """

    def __init__(self, errors: list[ImageReadError]) -> None:
        super().__init__(errors)
        self.errors = sorted(errors, key=lambda error: error.index)

    def __str__(self) -> str:
        first = " ".join(map(str, self.errors[:5]))
        more = " ..." if len(self.errors) > 5 else ""
        return f"{len(self.errors)} images could not be read; their rows are NaN. {first}{more}"


def shown(words: object, length: int = 300) -> str:
    """What others have said, such as a server or a file, fit for a line of a message.

    Parameters
    ----------
    words : object
        Its str is taken.
    length : int, default=300
        Characters that are kept.

    Returns
    -------
    str
        One line, without what could command a terminal.

    Examples
    --------
    >>> from sklearn_tai.exceptions import shown
    >>> shown("no such\\n model \\x1b[2J")
    'no such model �[2J'
    """
    line = " ".join(str(words).split())
    line = line if len(line) <= length else f"{line[: length - 1]}…"
    return "".join(c if c.isprintable() else "\ufffd" for c in line)


@contextmanager
def at_terminal(options: Iterable[str]) -> Iterator[None]:
    """Let messages name `options` of the command line instead of Python's parameters."""
    token = _OPTIONS.set(frozenset(options))
    try:
        yield
    finally:
        _OPTIONS.reset(token)


def wording(python: str, terminal: str, option: str | None = None) -> str:
    """What suits the way the package was called.

    Parameters
    ----------
    python : str
        For somebody who writes Python.
    terminal : str
        For somebody who uses the command line.
    option : str or None, default=None
        What `terminal` speaks of: a command that lacks it says nothing.

    Returns
    -------
    str
        One of the two, or nothing.

    Examples
    --------
    >>> from sklearn_tai.exceptions import at_terminal, wording
    >>> wording("model_name", "--encoder")
    'model_name'
    >>> with at_terminal(["--labels"]):
    ...     wording("model_name", "--encoder"), wording("model_name", "--encoder", "--encoder")
    ('--encoder', '')
    """
    options = _OPTIONS.get()
    if options is None:
        return python
    return terminal if option is None or option in options else ""


def install_command(extra: str) -> str:
    """What installs the packages of an extra, in the way that this one was installed.

    Parameters
    ----------
    extra : str
        Its name in ``pyproject.toml``.

    Returns
    -------
    str
        A command for the shell.

    Examples
    --------
    >>> from sklearn_tai.exceptions import install_command
    >>> install_command("plot").endswith("install 'matplotlib>=3.8'")
    True
    """
    parts = [line.partition(";") for line in requires("sklearn-tai") or []]
    packages = shlex.join(
        name.strip() for name, _, marker in parts if f"'{extra}'" in marker.replace('"', "'")
    )
    folders = Path(sys.prefix).parts
    if "pipx" in folders:
        return f"pipx inject sklearn-tai {packages}"
    if folders[-3:-1] == ("uv", "tools"):
        return f"uv tool install sklearn-tai --with {packages.replace(' ', ' --with ')}"
    return f"{'pip' if find_spec('pip') else 'uv pip'} install {packages}"
