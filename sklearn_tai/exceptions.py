"""Errors with a type of their own, and how messages speak to the person who reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["WeightsError"]

# of the command that runs; None in Python
_OPTIONS: ContextVar[frozenset[str] | None] = ContextVar("options", default=None)


class WeightsError(OSError):
    """The weights of a model can neither be found nor downloaded, or not be read.

    The message names the model, the cause, and what helps.

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


@contextmanager
def at_terminal(options: Iterable[str]) -> Iterator[None]:
    """Let messages name `options` of the command line, not the parameters of Python."""
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
