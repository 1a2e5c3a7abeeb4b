"""A fit that is stopped at any line leaves the estimator as it was."""

import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone

import sklearn_tai
from sklearn_tai import (
    KernelAdapter,
    MixedPerturbation,
    MultiLabelCalibratedClassifier,
    MultiLabelThresholdClassifier,
    RandomPerturbation,
    ScoreEnsemble,
    ShiftedPerturbation,
    TextAsImageClassifier,
)
from sklearn_tai.baselines import CoMCClassifier, SARBClassifier
from sklearn_tai.corpus import LabelIndicator
from tests.networks import with_network

ROOT = str(Path(sklearn_tai.__file__).parent)


class Stop(BaseException):
    """Like KeyboardInterrupt, which would stop pytest itself."""


def stop_at(n, function):
    """Run a function, raise at the n-th line in this package, return the number of lines."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        if not frame.f_code.co_filename.startswith(ROOT):
            return None
        if event == "line":
            count += 1
            if count == n:
                raise Stop
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def data(seed, names):
    rng = np.random.default_rng(seed)
    Y = (rng.random((24, len(names))) < 0.5).astype(int)
    return rng.normal(size=(24, 8)).astype(np.float32), LabelIndicator(Y, names)


def state(estimator):
    return joblib.hash({k: v for k, v in vars(estimator).items() if k.endswith("_")})


def kernel():
    return TextAsImageClassifier(center=True, adapter=KernelAdapter())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [
        kernel(),
        with_network(hidden_layer_sizes=(4,), max_epochs=1),
        RandomPerturbation(),
        MixedPerturbation(),
        ShiftedPerturbation(),
        MultiLabelThresholdClassifier(kernel(), cv=2),
        MultiLabelCalibratedClassifier(kernel(), cv=2),
        ScoreEnsemble([("a", kernel()), ("b", kernel())]),
        CoMCClassifier(max_epochs=1),
        SARBClassifier(max_epochs=1),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_stopped_at_any_line(estimator):
    estimator.fit(*data(0, ["dog", "cat", "bus"]))
    before = state(estimator)
    other = data(1, ["boat", "tree", "kite"])
    n_lines = stop_at(0, lambda: clone(estimator).fit(*other))
    rng, n_stopped = np.random.default_rng(0), 0
    for n in [1, 2, *rng.integers(1, n_lines, 12).tolist()]:
        try:
            stop_at(n, lambda: estimator.fit(*other))
        except Stop:
            n_stopped += 1
            assert state(estimator) == before, f"line {n} of {n_lines}"
        else:  # imports and caches make later runs shorter
            estimator.fit(*data(0, ["dog", "cat", "bus"]))
    assert n_stopped > 8
    estimator.fit(*other)
    assert state(estimator) != before


@pytest.mark.filterwarnings("ignore")
def test_learning_more_stopped_at_any_line():
    clf = kernel().fit(*data(0, ["dog", "cat"]))
    before = state(clf)
    more = data(1, ["dog", "boat"])
    n_lines = stop_at(0, lambda: kernel().fit(*data(0, ["dog", "cat"])).partial_fit(*more))
    rng = np.random.default_rng(0)
    n_stopped = 0
    for n in rng.integers(1, n_lines, 30).tolist():
        try:
            stop_at(n, lambda: clf.partial_fit(*more))
        except Stop:
            n_stopped += 1
            assert state(clf) == before, f"line {n} of {n_lines}"
        else:
            clf.fit(*data(0, ["dog", "cat"]))
    assert n_stopped > 5


def test_names_that_do_not_fit_leave_an_unfitted_classifier_unfitted():
    clf = kernel()
    with pytest.raises(ValueError, match="one name for each column"):
        clf.partial_fit(np.eye(3), np.eye(3), classes=["dog"])
    assert not clf.__sklearn_is_fitted__()
