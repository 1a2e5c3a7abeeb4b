"""Locks that end with the process that holds them, even if it is killed."""

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
        Its file descriptor.
    wait : bool, default=False
        Whether to wait for the lock.

    Returns
    -------
    bool
        Whether it is locked; False if the system or a network disk does not support locks.

    Raises
    ------
    BlockingIOError
        If another process or thread holds the lock.
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
