"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder until it is closed, against other processes and threads.

    Parameters
    ----------
    descriptor : int
        Of the open file.
    wait : bool, default=False
        Whether to wait for it.

    Returns
    -------
    bool
        Whether it is locked; not where the system, or a disk of the network, has no locks.

    Raises
    ------
    BlockingIOError
        If another one holds it.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True
