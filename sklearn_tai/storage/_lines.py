"""JSON lines, and files to append them to."""

from __future__ import annotations

import json
import os
from io import FileIO
from pathlib import Path
from typing import Any

from ._lock import lock


def json_line(record: Any) -> bytes:
    """A line of JSON in UTF-8; surrogates, which file names may contain, are escaped."""
    try:
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record).encode() + b"\n"


def open_locked(path: Path) -> FileIO:
    """Open a file for appending, created if needed, and lock it until it is closed.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    FileIO
        The file, unbuffered.

    Raises
    ------
    BlockingIOError
        If another process or thread is appending to it.
    """
    while True:
        file = open(path, "ab", buffering=0)  # noqa: SIM115 (the caller closes it)
        try:
            lock(file.fileno())
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:  # another process has just removed it
            pass
        except BaseException:
            file.close()
            raise
        file.close()
