"""Processes that have imported what takes seconds to import, and done nothing else."""

import multiprocessing

SLOW = ["open_clip", "inflect", "pandas", "distributed", "sklearn_tai.classifier"]


def fork_server():
    """What each process is forked from: a process of its own that has these imports alone."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(SLOW)
    return context


def new_processes(n):
    """A pool of `n` processes, where each call gets a new one."""
    return fork_server().Pool(n, maxtasksperchild=1)
