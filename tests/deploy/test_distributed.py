"""Searches and bulk predictions on Dask and Ray clusters; two of four workers are killed."""

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.deploy import predict_folder
from sklearn_tai.metrics import mean_average_precision
from tests.models import n_loads
from tests.networks import with_network
from tests.processes import fork_server

N_WORKERS = 4


async def by_value(data, **kwargs):
    """Send data with each task (docs/howto/deploy.md).

    joblib stores each large argument on one worker, and it is lost with that worker.
    """
    return data


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    import dask

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        distributed.utils.get_mp_context()  # it adds its own imports
        fork_server()
        with (
            distributed.LocalCluster(
                n_workers=N_WORKERS, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            client.scatter = by_value
            yield client


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")  # not among the test requirements: pip install ray
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    ray.init(
        address="local",
        num_cpus=N_WORKERS,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": env},
    )
    yield ray
    ray.shutdown()


class Log:
    """A file to which workers write their process id for each task they begin."""

    def __init__(self, path):
        self.path = path
        path.touch()

    def add(self):
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()}\n")

    def pids(self):
        return list(map(int, self.path.read_text().split()))


@contextmanager
def two_killed(log):
    """Kill the first two working processes, as a power cut would."""
    killed, stop = [], threading.Event()

    def kill():
        while len(killed) < 2 and not stop.wait(0.02):
            for pid in dict.fromkeys(log.pids()):
                if pid not in killed and len(killed) < 2:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert len(killed) == 2, "all was done before two workers were killed"


class LoggedClassifier(TextAsImageClassifier):
    """It leaves some work for a worker that replaces a killed one."""

    def predict_proba(self, X):
        self.log.add()
        deadline = time.monotonic() + 120
        while len(self.log.pids()) > 10 and len({*self.log.pids()}) <= N_WORKERS:
            assert time.monotonic() < deadline, "no new worker was given work"
            time.sleep(0.05)
        return super().predict_proba(X)


def share(_, clf, photos, output):
    predict_folder(clf, photos, output, part_size=5)


@pytest.mark.parametrize("cluster", ["dask", "ray"])
def test_bulk_prediction(cluster, request, encoder, text_embeddings, corpus, scenes, tmp_path):
    clf = LoggedClassifier(encoder)
    clf.fit(text_embeddings, pd.DataFrame(corpus[1], columns=scenes.label_names))
    photos, output = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for i in range(100):
        scenes.images[i].save(photos / f"{i:03}.png")
    running = request.getfixturevalue("client" if cluster == "dask" else "ray")
    clf.log = Log(tmp_path / "log")
    with two_killed(clf.log):
        if cluster == "dask":
            calls = running.map(share, range(8), clf=clf, photos=photos, output=output, pure=False)
            running.gather(calls)
        else:
            remote = running.remote(share).options(max_retries=-1)
            running.get([remote.remote(i, clf, photos, output) for i in range(8)])
    table = pd.read_parquet(output).sort_values("path")
    assert table["path"].tolist() == sorted(map(str, photos.iterdir()))
    proba = TextAsImageClassifier.predict_proba(clf, sorted(photos.iterdir()))
    np.testing.assert_allclose(table[scenes.label_names], proba, atol=1e-4)


class LoggedScore:
    def __init__(self, log):
        self.log = log

    def __call__(self, clf, X, Y):
        self.log.add()
        return mean_average_precision(Y, clf.predict_proba(X))


@pytest.mark.filterwarnings("ignore:Texts are scored after a radius")
@pytest.mark.parametrize("cluster", ["dask", "ray"])
def test_search(cluster, request, encoder, corpus, tmp_path):
    texts, Y = corpus
    clf = with_network(encoder, hidden_layer_sizes=(64,), max_epochs=10)
    score = LoggedScore(Log(tmp_path / "serial"))
    grid = {"perturbation__radius": [0, 1, 2, 4]}
    search = GridSearchCV(clf, grid, scoring=score, cv=3, refit=False)
    expected = search.fit(texts[:200], Y[:200]).cv_results_["mean_test_score"]
    running = request.getfixturevalue("client" if cluster == "dask" else "ray")
    if cluster == "dask":
        backend = joblib.parallel_config("dask")
    else:
        from ray.util.joblib import register_ray

        register_ray()
        again = {"max_restarts": -1, "max_task_retries": -1}
        backend = joblib.parallel_config("ray", n_jobs=N_WORKERS, ray_remote_args=again)
    search.scoring = LoggedScore(Log(tmp_path / "log"))
    with two_killed(search.scoring.log), backend:
        search.fit(texts[:200], Y[:200])
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, atol=1e-5)
    if cluster == "dask":
        assert max(running.run(n_loads).values()) <= 1
