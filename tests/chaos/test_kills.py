"""Kill each writer at random moments: nothing is lost, mixed up or left behind.

Usually each writer is killed only a few times; ``SKLEARN_TAI_CHAOS=60 python -m pytest -n 0 -s
tests/chaos`` is the long run and prints its results.
"""

import os
import random
import resource
import signal
import time
from fnmatch import fnmatch

import pytest

from tests.chaos.writers import WRITERS, Captions, Exports, Parts, Tags, Vectors, names_in

N_KILLS = int(os.environ.get("SKLEARN_TAI_CHAOS", 4))
ONE_GROWS = (Captions, Tags, Vectors, Parts)  # a run continues the earlier one


class Child:
    """A process that writes, and reports each write."""

    def __init__(self, work):
        reads, writes = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(reads)
                work(lambda: os.write(writes, b"."))
            finally:
                os._exit(0)
        os.close(writes)
        self._reads = reads
        self._told = b""

    def wait_for_first(self):
        start = time.monotonic()
        self._told += os.read(self._reads, 1)
        return time.monotonic() - start

    def kill(self):
        """Kill it, and return how many writes it reported."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        while part := os.read(self._reads, 65536):
            self._told += part
        os.close(self._reads)
        return len(self._told)


@pytest.mark.parametrize("kind", WRITERS, ids=lambda kind: kind.__name__)
def test_kills(kind, tmp_path):
    rng = random.Random(kind.__name__)
    lost, n_writes = [], 0
    writer = kind(tmp_path)
    for k in range(N_KILLS):
        if issubclass(kind, ONE_GROWS) and k % 3 == 0:  # long files are slow to check
            folder = tmp_path / str(k)
            folder.mkdir()
            writer = kind(folder)
        child = Child(writer.write)
        if k % 4 == 3:
            time.sleep(rng.random() * 0.01)  # right away, during the first write
        else:
            took = child.wait_for_first()
            time.sleep(rng.random() * min(2 * took, 0.5))
        n_done = child.kill()
        n_writes += n_done
        if problem := writer.check(n_done):
            lost.append(problem)
    if not issubclass(kind, ONE_GROWS):
        expected = writer.finish()
        left = [name for name in names_in(tmp_path) if not any(fnmatch(name, e) for e in expected)]
        assert left == []
    print(f"\n{kind.__name__}: {N_KILLS} kills, {n_writes} writes told, {len(lost)} lost: {lost}")
    assert lost == []


@pytest.mark.parametrize(
    "kind", [w for w in WRITERS if w not in (Exports,)], ids=lambda kind: kind.__name__
)
def test_a_full_disk(kind, tmp_path):
    """A limit on file size has the same effect: an error, and what was there stays."""
    writer = kind(tmp_path)

    def work(done):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        writer.write(done)

    child = Child(work)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
    n_done = child.kill()
    if kind is Vectors:  # it warns and continues without the cache
        return
    assert writer.check(n_done) == ""
