"""Searches and bulk predictions on a Dask cluster, with a worker killed on the way."""

import os
import signal
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_tai.deploy import predict_folder
from tests.models import n_loads
from tests.networks import with_network

distributed = pytest.importorskip("distributed")


async def by_value(data, **kwargs):
    """Send data with each task (docs/howto/deploy.md).

    joblib leaves each large argument with one worker, and with that worker it is lost.
    """
    return data


@pytest.fixture
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.scatter = by_value
        yield client


def kill_a_worker_when(client, ready):
    """Kill one worker's process, as a power cut would, once `ready()` holds."""
    killed = threading.Event()

    def kill():
        pids = client.run(os.getpid)
        while not ready():
            if stop.wait(0.02):
                return
        os.kill(next(iter(pids.values())), signal.SIGKILL)
        killed.set()

    stop = threading.Event()
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return killed, stop, thread


@pytest.mark.filterwarnings("ignore:Texts are scored after a radius")
def test_search_with_a_killed_worker(client, encoder, corpus, tmp_path):
    texts, Y = corpus
    clf = with_network(encoder, hidden_layer_sizes=(64,), max_epochs=10)
    search = GridSearchCV(clf, {"perturbation__radius": [0, 1, 2, 4]}, cv=3, refit=False)
    expected = search.fit(texts[:200], Y[:200]).cv_results_["mean_test_score"]

    def some_done():
        return sum(client.run_on_scheduler(finished_tasks).values()) >= 2

    def finished_tasks(dask_scheduler):
        return {k: p.states["memory"] for k, p in dask_scheduler.task_prefixes.items()}

    killed, stop, thread = kill_a_worker_when(client, some_done)
    with joblib.parallel_config("dask"):
        search.fit(texts[:200], Y[:200])
    stop.set()
    thread.join()
    assert killed.is_set(), "the search was over before the worker was killed"
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, atol=1e-5)
    assert max(client.run(n_loads).values()) <= 1


def test_bulk_prediction_with_a_killed_worker(client, encoder, corpus, scenes, tmp_path):
    texts, Y = corpus
    clf = with_network(encoder, hidden_layer_sizes=(64,), max_epochs=2)
    clf.fit(texts, pd.DataFrame(Y, columns=scenes.label_names))
    folder, output = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for i in range(200):
        scenes.images[i].save(folder / f"{i:03}.png")

    def some_done():
        return len(list(output.glob("part-*"))) >= 2

    killed, stop, thread = kill_a_worker_when(client, some_done)
    with joblib.parallel_config("dask"):
        predict_folder(clf, folder, output, part_size=5)
    stop.set()
    thread.join()
    assert killed.is_set(), "all was done before the worker was killed"
    table = pd.read_parquet(output).sort_values("path")
    assert len(table) == 200
    proba = clf.predict_proba(sorted(folder.iterdir()))
    np.testing.assert_allclose(table[scenes.label_names], proba, atol=1e-5)
    assert max(client.run(n_loads).values()) <= 1


def test_search_on_ray(encoder, corpus):
    ray = pytest.importorskip("ray")  # not among the test requirements: pip install ray
    from ray.util.joblib import register_ray

    texts, Y = corpus
    clf = with_network(encoder, hidden_layer_sizes=(16,), max_epochs=3)
    search = GridSearchCV(clf, {"perturbation__radius": [0, 1]}, cv=2, refit=False)
    expected = search.fit(texts[:100], Y[:100]).cv_results_["mean_test_score"]
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config("ray", n_jobs=2):
            search.fit(texts[:100], Y[:100])
    finally:
        ray.shutdown()
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, atol=1e-5)
