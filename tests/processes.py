"""Fresh processes in which the slow imports are already done."""

import multiprocessing

SLOW = ["open_clip", "inflect", "pandas", "distributed", "sklearn_tai.classifier"]


def fork_server():
    """Context for processes forked from one that has only made these imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(SLOW)
    return context


def new_processes(n):
    """A pool of `n` processes, with a new process for each call."""
    return fork_server().Pool(n, maxtasksperchild=1)
