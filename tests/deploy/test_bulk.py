import copy
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.deploy import load_classifier, predict_folder, save_classifier
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
    assert len(read(output)) == sum(calls[:2])
    shutil.copy(folder / "0.png", folder / "late.png")
    predict_folder(fitted, folder, output, part_size=3)
    assert sum(calls[3:]) == 11 - sum(calls[:2])  # those left, and the new one
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
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        predict_folder(fitted, tmp_path / "none", tmp_path / "out")
    with pytest.raises(ValueError, match="contains no pictures"):
        predict_folder(fitted, folder.parent / "photos" / ".." / "out", tmp_path / "out")
    with pytest.raises(ValueError, match="part_size is 0"):
        predict_folder(fitted, folder, tmp_path / "out", part_size=0)
    predict_folder(fitted, folder, tmp_path / "out")
    other = clone(fitted).fit(np.eye(256), np.eye(256)[:, :20])
    with pytest.raises(ValueError, match="predictions of another classifier"):
        predict_folder(other, folder, tmp_path / "out")


@pytest.fixture(scope="module")
def kernel(encoder, corpus, scenes):
    texts, Y = corpus
    clf = TextAsImageClassifier(clone(encoder).set_params(on_error="nan"))
    return clf.fit(texts, pd.DataFrame(Y, columns=scenes.label_names))


def renamed(clf, names):
    clf = copy.copy(clf)
    clf.classes_ = np.array([*names, *clf.classes_[len(names) :]], dtype=object)
    return clf


@pytest.mark.parametrize("names", [["path"], [1, "1"]])
def test_labels_that_cannot_be_columns(kernel, folder, tmp_path, names):
    with pytest.raises(ValueError, match=f"'{names[-1]}'.* more than once.*Rename the labels"):
        predict_folder(renamed(kernel, names), folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:1 images could not be read")
def test_shares_the_work(kernel, folder, tmp_path, monkeypatch):
    """A second run starts during the first: no duplicates, even with a broken image."""
    (folder / "0.png").write_bytes(b"broken")
    output, seen = tmp_path / "out", []
    original = TextAsImageClassifier.predict_proba

    def predict_proba(self, X):
        seen.append(len(X))
        if len(seen) == 2:
            predict_folder(kernel, folder, output, part_size=3)
        return original(self, X)

    monkeypatch.setattr(TextAsImageClassifier, "predict_proba", predict_proba)
    predict_folder(kernel, folder, output, part_size=3)
    monkeypatch.undo()
    assert len(seen) <= 6  # 4 parts, the second by both runs, and the broken image again
    table = read(output)
    assert len(table) == 10
    pd.testing.assert_frame_equal(table, expected(kernel, folder), atol=1e-5, check_names=False)


def test_continues_with_other_run_settings(kernel, folder, tmp_path):
    output = predict_folder(kernel, folder, tmp_path / "out", part_size=4)
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    other = copy.deepcopy(kernel)
    other.encoder_.set_params(on_error="raise", batch_size=2, verbose=1, cache=None, device="cpu")
    predict_folder(other, folder, output)
    predict_folder(load_classifier(save_classifier(kernel, tmp_path / "saved")), folder, output)
    assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == before
    other.encoder_.set_params(image_size=64)
    with pytest.raises(ValueError, match="predictions of another classifier"):
        predict_folder(other, folder, output)


def test_names_that_are_not_utf8(kernel, folder, tmp_path):
    odd = os.fsdecode(os.fsencode(folder) + b"/\xff.png")
    shutil.copy(folder / "0.png", odd)
    output = predict_folder(kernel, folder, tmp_path / "out")
    table = read(output)
    assert len(table) == 11
    name = str(folder / r"\udcff.png")
    np.testing.assert_array_equal(table.loc[name], table.loc[str(folder / "0.png")])
    before = sorted(output.iterdir())
    predict_folder(kernel, folder, output)
    assert sorted(output.iterdir()) == before


@pytest.mark.filterwarnings("ignore:.* images could not be read")
@pytest.mark.parametrize("part_size", [1, 4, 100])
def test_repaired_pictures(kernel, folder, tmp_path, part_size):
    whole = (folder / "0.png").read_bytes()
    for name in ("0.png", "2.png"):
        (folder / name).write_bytes(b"broken")
    output = predict_folder(kernel, folder, tmp_path / "out", part_size=part_size)
    (folder / "0.png").write_bytes(whole)
    table = read(predict_folder(kernel, folder, output, part_size=part_size))
    assert len(table) == 10
    assert table.index[table.isna().any(axis=1)].tolist() == [str(folder / "2.png")]
    pd.testing.assert_frame_equal(table, expected(kernel, folder), atol=1e-5, check_names=False)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 60 + b"PAR1"])
def test_a_damaged_part_is_named(kernel, folder, tmp_path, content):
    output = predict_folder(kernel, folder, tmp_path / "out", part_size=4)
    part = sorted(output.iterdir())[1]
    part.write_bytes(content)
    with pytest.raises(ValueError, match=f"{part.name}' cannot be read .*Delete it"):
        predict_folder(kernel, folder, output)
    part.unlink()
    assert len(read(predict_folder(kernel, folder, output))) == 10
