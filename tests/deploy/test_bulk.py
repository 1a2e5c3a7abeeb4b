import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.deploy import predict_folder
from tests.networks import with_network


@pytest.fixture(scope="module")
def fitted(encoder, corpus, scenes):
    texts, Y = corpus
    lenient = clone(encoder).set_params(on_error="nan")
    clf = with_network(lenient, hidden_layer_sizes=(32,), max_epochs=2)
    return clf.fit(texts, pd.DataFrame(Y, columns=scenes.label_names))


@pytest.fixture
def folder(scenes, tmp_path):
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for i in range(10):
        sub = "more" if i % 2 else "."
        scenes.images[i].save(tmp_path / "photos" / sub / f"{i}.png")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


def read(output):
    return pd.read_parquet(output).set_index("path").sort_index()


def expected(clf, folder):
    paths = sorted(folder.rglob("*.png"))
    return pd.DataFrame(
        clf.predict_proba(paths), index=map(str, paths), columns=clf.classes_
    ).sort_index()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_predicts_all(fitted, folder, tmp_path, n_jobs):
    output = predict_folder(fitted, folder, tmp_path / "out", part_size=3, n_jobs=n_jobs)
    assert len(list(output.iterdir())) == 4
    pd.testing.assert_frame_equal(
        read(output), expected(fitted, folder), atol=1e-5, check_names=False
    )


def test_goes_on_after_a_stop(fitted, folder, tmp_path, monkeypatch):
    output, calls = tmp_path / "out", []

    class Stop(Exception):
        pass

    original = TextAsImageClassifier.predict_proba

    def stop_at_the_third(self, X):
        calls.append(len(X))
        if len(calls) == 3:
            raise Stop
        return original(self, X)

    monkeypatch.setattr(TextAsImageClassifier, "predict_proba", stop_at_the_third)
    with pytest.raises(Stop):
        predict_folder(fitted, folder, output, part_size=3)
    assert len(read(output)) == 6
    shutil.copy(folder / "0.png", folder / "late.png")
    predict_folder(fitted, folder, output, part_size=3)
    assert calls == [3, 3, 3, 3, 2]  # 4 left, and one that came since
    assert not [p for p in output.iterdir() if p.name.startswith(".")]
    monkeypatch.undo()
    pd.testing.assert_frame_equal(
        read(output), expected(fitted, folder), atol=1e-5, check_names=False
    )
    predict_folder(fitted, folder, output)
    assert len(read(output)) == 11


@pytest.mark.filterwarnings("ignore:1 images could not be read")
def test_a_broken_picture_costs_only_itself(fitted, folder, tmp_path):
    (folder / "0.png").write_bytes(b"broken")
    table = read(predict_folder(fitted, folder, tmp_path / "out"))
    broken = table.index == str(folder / "0.png")
    assert table[broken].isna().all(axis=None)
    assert table[~broken].notna().all(axis=None)


def test_bad_input(fitted, folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder"):
        predict_folder(fitted, tmp_path / "none", tmp_path / "out")
    with pytest.raises(ValueError, match="holds no pictures"):
        predict_folder(fitted, folder.parent / "photos" / ".." / "out", tmp_path / "out")
    with pytest.raises(ValueError, match="part_size is 0"):
        predict_folder(fitted, folder, tmp_path / "out", part_size=0)
    predict_folder(fitted, folder, tmp_path / "out")
    other = clone(fitted).fit(np.eye(256), np.eye(256)[:, :20])
    with pytest.raises(ValueError, match="predictions of another classifier"):
        predict_folder(other, folder, tmp_path / "out")
