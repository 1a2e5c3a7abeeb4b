"""Pictures and parts in object stores: fsspec's own in memory, and a real S3 server."""

import copy
import os
import sys
import uuid

import numpy as np
import pandas as pd
import pytest
from fsspec.core import url_to_fs
from sklearn.base import clone

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.deploy import predict_folder


@pytest.fixture(scope="module")
def clf(encoder, text_embeddings, corpus, scenes):
    Y = pd.DataFrame(corpus[1], columns=scenes.label_names)
    lenient = clone(encoder).set_params(on_error="nan", cache=None)
    return TextAsImageClassifier(lenient).fit(text_embeddings, Y)


@pytest.fixture(scope="module")
def s3():
    """The URL of a bucket on a server of this machine."""
    server = pytest.importorskip("moto.server")  # pip install 'moto[server]' s3fs
    s3fs = pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("bucket")
        yield "s3://bucket"
    running.stop()


@pytest.fixture(params=["memory", "s3"])
def store(request, scenes, tmp_path):
    """The URL of a place with pictures, and the same pictures as files."""
    bucket = "memory://bucket" if request.param == "memory" else request.getfixturevalue("s3")
    root = f"{bucket}/{uuid.uuid4().hex}"
    for i in range(10):
        name = f"photos/{'more [1]/' * (i % 2)}{i}.png"
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        scenes.images[i].save(file)
        put(f"{root}/{name}", file.read_bytes())
    put(f"{root}/photos/notes.txt", b"no picture")
    put(f"{root}/photos/.thumbnails/0.png", b"hidden")
    return root, tmp_path / "photos"


def put(url, data):
    fs, path = url_to_fs(url, use_listings_cache=False)
    fs.pipe_file(path, data)


def read(output):
    fs, root = url_to_fs(str(output), use_listings_cache=False)
    tables = [pd.read_parquet(fs.open(file)) for file in fs.ls(root, detail=False)]
    return pd.concat(tables).set_index("path").sort_index()


def assert_same(table, local):
    """Predictions, whatever the place of the pictures is called."""
    assert [os.path.basename(path) for path in table.index] == [
        os.path.basename(path) for path in local.index
    ]
    np.testing.assert_allclose(table, local, atol=1e-5)


def test_from_store_to_store(clf, store, tmp_path):
    root, photos = store
    local = read(predict_folder(clf, photos, tmp_path / "out"))
    output = predict_folder(clf, f"{root}/photos", f"{root}/out/", part_size=3)
    table = read(output)
    assert_same(table, local)
    assert all(path.startswith(root[:5]) for path in table.index)
    # from a list of URLs to a folder, and from a folder to a store
    assert_same(read(predict_folder(clf, list(table.index), tmp_path / "urls")), local)
    assert_same(read(predict_folder(clf, photos, f"{root}/up")), local)


def test_goes_on(clf, store, monkeypatch):
    root, photos = store
    predict_folder(clf, f"{root}/photos", f"{root}/out", part_size=3)
    put(f"{root}/photos/late.png", (photos / "0.png").read_bytes())
    numbers = []
    original = TextAsImageClassifier.predict_proba
    monkeypatch.setattr(
        TextAsImageClassifier,
        "predict_proba",
        lambda self, X: numbers.append(len(X)) or original(self, X),
    )
    predict_folder(clf, f"{root}/photos", f"{root}/out", part_size=3)
    assert numbers == [1]
    assert len(read(f"{root}/out")) == 11


def test_broken_pictures_are_called_by_their_urls(clf, store):
    root, photos = store
    put(f"{root}/photos/0.png", b"broken")
    gone = f"{root}/photos/gone.png"
    with pytest.warns(UserWarning, match=r"1 images .*://.*/photos/0.png' cannot be read"):
        predict_folder(clf, f"{root}/photos", f"{root}/out")
    with pytest.warns(UserWarning, match=f"1 images .*{gone!r} does not exist"):
        predict_folder(clf, [gone], f"{root}/gone")
    put(f"{root}/photos/0.png", (photos / "0.png").read_bytes())
    table = read(predict_folder(clf, f"{root}/photos", f"{root}/out"))
    assert len(table) == 10
    assert table.notna().all(axis=None)
    strict = copy.deepcopy(clf)
    strict.encoder_.set_params(on_error="raise")
    with pytest.raises(FileNotFoundError, match=f"{gone!r} does not exist"):
        predict_folder(strict, [gone], f"{root}/strict")


def test_stores_that_are_not_there(clf, store, tmp_path, monkeypatch):
    root, photos = store
    with pytest.raises(ValueError, match="contains no pictures"):
        predict_folder(clf, f"{root}/none", tmp_path / "out")
    with pytest.raises(ValueError, match="'s4://b/photos' is in no store that fsspec knows"):
        predict_folder(clf, "s4://b/photos", tmp_path / "out")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ImportError, match="'gs://b/photos' needs gcsfs: pip install gcsfs"):
        predict_folder(clf, "gs://b/photos", tmp_path / "out")
    if root.startswith("s3"):
        with pytest.raises(FileNotFoundError, match="'s3://none/photos' cannot be reached"):
            predict_folder(clf, "s3://none/photos", tmp_path / "out")
        with pytest.raises(FileNotFoundError, match="'s3://none/out' cannot be reached"):
            predict_folder(clf, photos, "s3://none/out")
    put(f"{root}/out/part-0.parquet", b"PAR1")
    with pytest.raises(ValueError, match=r"/out/part-0.parquet' cannot be read .*Delete it"):
        predict_folder(clf, photos, f"{root}/out")
