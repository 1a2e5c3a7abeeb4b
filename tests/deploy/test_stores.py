"""Images and parts in object stores: fsspec's memory store, and local servers.

Servers that are not installed are skipped: pip install 'moto[server]' s3fs, gcp-storage-emulator
gcsfs, adlfs; npm install --global azurite.
"""

import copy
import os
import shutil
import subprocess
import sys
import uuid
from functools import partial
from http.server import ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from fsspec.core import url_to_fs
from sklearn.base import clone

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.deploy import predict_folder
from tests.background import Background

# Azurite's public account (learn.microsoft.com/azure/storage/common/storage-connect-azurite)
AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlm"
    "EtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint="
)


@pytest.fixture(scope="module")
def clf(encoder, text_embeddings, corpus, scenes):
    Y = pd.DataFrame(corpus[1], columns=scenes.label_names)
    lenient = clone(encoder).set_params(on_error="nan", cache=None)
    return TextAsImageClassifier(lenient).fit(text_embeddings, Y)


@pytest.fixture(scope="module")
def memory():
    return "memory://bucket"


@pytest.fixture(scope="module")
def s3():
    server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        s3fs.S3FileSystem().mkdir("bucket")
        yield "s3://bucket"
    running.stop()


@pytest.fixture(scope="module")
def gs():
    server = pytest.importorskip("gcp_storage_emulator.server")
    handler = partial(server.RequestHandler, server.Storage(use_memory_fs=True))
    with (
        Background(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("STORAGE_EMULATOR_HOST", running.url)
        patch.setenv("NO_GCE_CHECK", "true")  # do not look for credentials on the network
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # it would contact Google
        gcsfs = pytest.importorskip("gcsfs")
        gcsfs.GCSFileSystem().mkdir("bucket")
        yield "gs://bucket"


@pytest.fixture(scope="module")
def az():
    adlfs = pytest.importorskip("adlfs")
    if not (azurite := shutil.which("azurite-blob")):
        pytest.skip("could not find azurite-blob")
    options = "--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"
    command = azurite, "--blobPort", "0", *options
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        try:
            url = next(line.split()[-1] for line in running.stdout if "listens on" in line)
            patch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"{AZURITE}{url}/devstoreaccount1;")
            adlfs.AzureBlobFileSystem().mkdir("bucket")
            yield "az://bucket"
        finally:
            running.terminate()


@pytest.fixture(params=["memory", "s3", "gs", "az"])
def store(request, scenes, tmp_path):
    """The URL of a folder of images, and the same images as files."""
    bucket = request.getfixturevalue(request.param)
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
    """Assert that predictions are the same, apart from the folder of the images."""
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
    assert all(path.startswith(f"{root}/photos/") for path in table.index)
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


def test_errors_name_the_url(clf, store):
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
    chain = f"{root}/photos/0.png::0.png"  # for fsspec, one store inside another
    if root.startswith("s3"):
        with pytest.raises(OSError, match=f"{chain!r} cannot be reached"):
            predict_folder(clf, [chain], f"{root}/chain")


def test_unreachable_stores(clf, store, tmp_path, monkeypatch):
    root, photos = store
    with pytest.raises(ValueError, match="contains no pictures"):
        predict_folder(clf, f"{root}/none", tmp_path / "out")
    with pytest.raises(ValueError, match="'s4://b/photos' is in no store that fsspec knows"):
        predict_folder(clf, "s4://b/photos", tmp_path / "out")
    monkeypatch.setitem(sys.modules, "ossfs", None)
    with pytest.raises(ImportError, match="'oss://b/photos' needs ossfs: pip install ossfs"):
        predict_folder(clf, "oss://b/photos", tmp_path / "out")
    none = f"{root.partition(':')[0]}://none"
    if root.startswith(("s3", "gs")):
        with pytest.raises(FileNotFoundError, match=f"'{none}/photos' cannot be reached"):
            predict_folder(clf, f"{none}/photos", tmp_path / "out")
        with pytest.raises(FileNotFoundError, match=f"'{none}/out' cannot be reached"):
            predict_folder(clf, photos, f"{none}/out")
    if root.startswith("az"):  # adlfs lists a missing container as empty
        with pytest.raises(OSError, match=rf"'{none}/out/part-\w+.parquet' cannot be reached"):
            predict_folder(clf, photos, f"{none}/out")
    put(f"{root}/out/part-0.parquet", b"PAR1")
    with pytest.raises(ValueError, match=r"/out/part-0.parquet' cannot be read .*Delete it"):
        predict_folder(clf, photos, f"{root}/out")
