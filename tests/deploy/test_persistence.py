import copy
import json
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import make_pipeline

from sklearn_tai import (
    MixedPerturbation,
    RandomPerturbation,
    ScoreEnsemble,
    ShiftedPerturbation,
    __version__,
)
from sklearn_tai.deploy import TRUSTED_TYPES, load_classifier, save_classifier
from tests.networks import with_network

LABELS = ["dog", "cat", "bus"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    Y = pd.DataFrame((rng.random((60, 3)) < 0.4).astype(int), columns=LABELS)
    return rng.normal(size=(60, 16)).astype(np.float32), Y


def small(perturbation=None, **params):
    return with_network(
        perturbation=perturbation,
        hidden_layer_sizes=(8, 8),
        max_epochs=3,
        **params,
    )


@pytest.fixture(scope="module")
def fitted(data):
    return small().fit(*data)


def same(again, clf, data):
    np.testing.assert_array_equal(again.predict_proba(data[0]), clf.predict_proba(data[0]))
    assert list(again.classes_) == LABELS
    assert again.adapter_.get_params()["hidden_layer_sizes"] in [(8, 8), [8, 8]]
    losses = clf.adapter_.net_.history[:, "train_loss"]
    assert again.adapter_.net_.history[:, "train_loss"] == pytest.approx(losses)


def test_pickle_joblib_and_copies(fitted, data, tmp_path):
    joblib.dump(fitted, tmp_path / "clf.joblib")
    for again in (
        pickle.loads(pickle.dumps(fitted)),
        joblib.load(tmp_path / "clf.joblib"),
        copy.deepcopy(fitted),
    ):
        same(again, fitted, data)
        assert again.fit(*data).score(*data) == fitted.score(*data)


def test_pickle_is_small(fitted):
    n_weights = sum(p.numel() for p in fitted.adapter_.net_.module_.parameters())
    assert len(pickle.dumps(fitted)) < 4 * n_weights + 8000


def test_skops(fitted, data):
    dumped = skops.io.dumps(fitted)
    assert set(skops.io.get_untrusted_types(data=dumped)) <= set(TRUSTED_TYPES)
    same(skops.io.loads(dumped, trusted=TRUSTED_TYPES), fitted, data)


@pytest.mark.parametrize(
    "perturbation",
    [RandomPerturbation(1.5), MixedPerturbation(2.5), ShiftedPerturbation(2.5)],
    ids=lambda p: type(p).__name__,
)
def test_folder(perturbation, data, tmp_path):
    X, Y = data
    modality = np.where(np.arange(60) < 40, "text", "image")
    clf = small(perturbation).fit(X, Y, modality)
    again = load_classifier(save_classifier(clf, tmp_path / "clf"))
    same(again, clf, data)
    for name, value in vars(clf.perturbation_).items():
        np.testing.assert_array_equal(getattr(again.perturbation_, name), value)
    assert again.encoder_.model_name == "ViT-B-16"
    # it can be trained again
    np.testing.assert_array_equal(again.fit(X, Y, modality).predict_proba(X), clf.predict_proba(X))


def test_folder_holds_no_code(fitted, tmp_path):
    folder = save_classifier(fitted, tmp_path)
    config, weights = sorted(folder.iterdir())
    settings = json.loads(config.read_text())
    assert settings["classes"] == LABELS
    assert weights.name == f"weights-{settings['weights_sha256'][:16]}.safetensors"


def test_one_classifier_replaces_another(data, fitted, tmp_path):
    (tmp_path / "notes.txt").write_text("precious")
    save_classifier(fitted, tmp_path)
    other = small(RandomPerturbation(0.5)).fit(*data)
    save_classifier(other, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    same(load_classifier(tmp_path), other, data)


def test_another_process(fitted, data, tmp_path):
    save_classifier(fitted, tmp_path)
    np.save(tmp_path / "X.npy", data[0])
    code = (
        "import sys, numpy as np\n"
        "from sklearn_tai.deploy import load_classifier\n"
        "clf = load_classifier(sys.argv[1])\n"
        "print(clf.predict_proba(np.load(sys.argv[1] + '/X.npy')).sum())\n"
    )
    out = subprocess.check_output([sys.executable, "-c", code, str(tmp_path)], text=True)
    assert float(out) == pytest.approx(fitted.predict_proba(data[0]).sum(), rel=1e-5)


def test_another_version_warns(fitted, tmp_path):
    message = f"saved by version .* of sklearn-tai and is loaded by version {__version__}"
    older = "9" * len(__version__)
    dumped = pickle.dumps(fitted)
    assert __version__.encode() in dumped
    with pytest.warns(InconsistentVersionWarning, match=message):
        pickle.loads(dumped.replace(__version__.encode(), older.encode()))
    config = save_classifier(fitted, tmp_path) / "config.json"
    settings = json.loads(config.read_text())
    assert settings["sklearn_tai_version"] == __version__
    config.write_text(json.dumps({**settings, "sklearn_tai_version": older}))
    with pytest.warns(InconsistentVersionWarning, match=message):
        load_classifier(tmp_path)


class OwnEncoder:
    def transform(self, X):
        return np.array([[len(x)] * 16 for x in X], float)


class OwnPerturbation(RandomPerturbation):
    pass


def test_own_parts(data, tmp_path):
    clf = small(OwnPerturbation(), encoder=OwnEncoder()).fit(*data)
    save_classifier(clf, tmp_path)
    with pytest.raises(ValueError, match=r"encoder of the class 'OwnEncoder'.*pass it as encoder"):
        load_classifier(tmp_path)
    with pytest.warns(UserWarning, match="'OwnPerturbation' is none of this package's"):
        again = load_classifier(tmp_path, encoder=OwnEncoder())
    np.testing.assert_array_equal(again.predict_proba(["ab"]), clf.predict_proba(["ab"]))


def test_what_cannot_be_saved(data, fitted, tmp_path):
    with pytest.raises(NotFittedError):
        save_classifier(small(), tmp_path)
    clf = small().set_params(adapter__random_state=np.random.RandomState(0)).fit(*data)
    with pytest.raises(TypeError, match="random_state is of type RandomState"):
        save_classifier(clf, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("config.json", None, FileNotFoundError, "contains no config.json"),
        ("weights-*", None, ValueError, "there is no weights-"),
        ("config.json", b"{", ValueError, "cannot be read"),
        ("config.json", b"{}", ValueError, "cannot be read: KeyError: 'weights_sha256'"),
        ("weights-*", b"abc", ValueError, "weights-.* is damaged, or of another classifier"),
    ],
)
def test_damaged_folders(fitted, tmp_path, name, content, error, message):
    save_classifier(fitted, tmp_path)
    [file] = tmp_path.glob(name)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(error, match=message):
        load_classifier(tmp_path)


def test_ensembles_and_pipelines_pickle(data):
    X, Y = data
    ensemble = ScoreEnsemble([("a", small()), ("b", small(RandomPerturbation(0)))]).fit(X, Y)
    again = pickle.loads(pickle.dumps(make_pipeline(ensemble)))
    np.testing.assert_array_equal(again.predict_proba(X), ensemble.predict_proba(X))
