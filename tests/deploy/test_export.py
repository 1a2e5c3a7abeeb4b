import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_tai
from sklearn_tai import OpenCLIPEncoder, TextAsImageClassifier, ZeroShotClassifier
from sklearn_tai.baselines import CoMCClassifier
from sklearn_tai.corpus import LabelIndicator, Vocabulary
from sklearn_tai.deploy import export_onnx
from tests.models import model_of
from tests.networks import with_network

ROOT = Path(__file__).parents[2]
SCRIPT = re.search(
    r"```python\n(import json\n.*?)```",
    (ROOT / "docs" / "howto" / "onnx.md").read_text("utf-8"),
    re.S,
)[1]


@pytest.fixture(scope="module")
def preprocess():
    """The function in docs/howto/onnx.md, which needs only NumPy and Pillow."""
    namespace = {}
    exec(SCRIPT.split("session =")[0], namespace)
    return namespace["preprocess"]


@pytest.fixture(scope="module")
def clf(encoder, text_embeddings, corpus):
    clf = with_network(
        encoder,
        hidden_layer_sizes=(64,),
        max_lr=1e-2,
        max_epochs=10,
        threshold=0.4,
    )
    return clf.fit(text_embeddings, corpus[1])


@pytest.fixture(scope="module")
def exported(clf, scenes, tmp_path_factory):
    """An exported file, and the return value of the export."""
    file = tmp_path_factory.mktemp("export") / "tagger.onnx"
    return file, export_onnx(clf, file, label_names=scenes.label_names)


def quick(n_features=8, **params):
    """A classifier fitted on embeddings, which is quick."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, n_features)), rng.integers(0, 2, (40, 3))
    return with_network(hidden_layer_sizes=(16,), max_epochs=2, **params).fit(X, Y)


def read(file):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    meta = session.get_modelmeta().custom_metadata_map
    return session, {key: json.loads(value) for key, value in meta.items()}


def test_agrees_on_pictures(exported, clf, scenes, preprocess):
    file, difference = exported
    assert 0 < difference < 1e-5
    session, meta = read(file)
    pixels = np.stack([preprocess(picture, meta) for picture in scenes.images[:40]])
    probabilities, logits = session.run(["probabilities", "logits"], {"pixels": pixels})
    expected = clf.predict_proba(scenes.images[:40])
    # the encoder stores regions in half precision
    np.testing.assert_allclose(probabilities, expected, atol=5e-4)
    assert expected.max() > 0.9
    assert expected.min() < 0.1
    np.testing.assert_allclose(logits, clf.decision_function(scenes.images[:40]), atol=5e-3)
    np.testing.assert_array_equal(probabilities > meta["threshold"], expected > clf.threshold)


def test_file(exported, scenes):
    session, meta = read(exported[0])
    assert meta == {
        "sklearn_tai_version": sklearn_tai.__version__,
        "label_names": list(scenes.label_names),
        "threshold": 0.4,
        "groups": {},
        "exclusive": [],
        "model_name": "tai-tiny",
        "image_size": [96, 96],
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.25, 0.25, 0.25],
        "resize_mode": "shortest",
        "interpolation": "bicubic",
        "fill_color": 0,
    }
    (pixels,) = session.get_inputs()
    assert (pixels.name, pixels.type, pixels.shape[1:]) == ("pixels", "tensor(float)", [3, 96, 96])
    assert isinstance(pixels.shape[0], str)  # any batch size
    assert [output.name for output in session.get_outputs()] == ["probabilities", "logits"]
    assert [entry.version for entry in onnx.load(exported[0]).opset_import] == [18]
    assert [path.name for path in exported[0].parent.iterdir()] == ["tagger.onnx"]


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pixels_are_those_of_open_clip(mode, interpolation, preprocess):
    rng = np.random.default_rng(0)
    settings = {"resize_mode": mode, "interpolation": interpolation, "fill_color": 7}
    theirs = image_transform_v2(PreprocessCfg(size=96, **settings), is_train=False)
    mean, std = PreprocessCfg.mean, PreprocessCfg.std
    meta = {"image_size": [96, 96], "image_mean": mean, "image_std": std, **settings}
    for size in [(96, 96), (200, 77), (77, 201), (97, 96), (50, 333), (1000, 641), (300, 3)]:
        picture = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8))
        np.testing.assert_array_equal(preprocess(picture, meta), theirs(picture).numpy())


def test_script_of_the_docs_needs_no_torch(exported, clf, scenes):
    folder = exported[0].parent / "elsewhere"
    folder.mkdir()
    (folder / "tagger.onnx").write_bytes(exported[0].read_bytes())
    scenes.images[3].save(folder / "photo.png")
    blocked = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'open_clip', 'sklearn_tai']))"
    )
    command = [sys.executable, "-c", f"{blocked}\n{SCRIPT}", "photo.png"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    row = clf.predict_proba(scenes.images[3:4])[0]
    found = [k for k in np.argsort(-row) if row[k] > 0.4]
    tags = ", ".join(f"{scenes.label_names[k]} {row[k]:.0%}" for k in found)
    assert found
    assert done.stdout == f"photo.png {tags}\n"


def test_example_has_the_function_of_the_docs():
    function = re.search(r"def preprocess.*?\n\n\n", SCRIPT, re.S)[0]
    assert function in (ROOT / "examples" / "plot_export_onnx.py").read_text("utf-8")


def test_settings_of_the_encoder(clf, scenes, tmp_path, preprocess):
    """Unit length, another size and resize mode; 16-bit floats become 32-bit ones."""
    encoder = OpenCLIPEncoder(
        "tai-tiny", normalize=True, precision="bf16", image_size=128, resize_mode="longest"
    )
    other = clone(clf).fit(*_embedded(clf, scenes))
    other.encoder_ = encoder
    export_onnx(other, tmp_path / "tagger.onnx")
    session, meta = read(tmp_path / "tagger.onnx")
    assert meta["label_names"] == [str(k) for k in range(20)]
    assert (meta["image_size"], meta["resize_mode"]) == ([128, 128], "longest")
    pictures = [picture.resize((120, 80)) for picture in scenes.images[:4]]
    pixels = np.stack([preprocess(picture, meta) for picture in pictures])
    (probabilities,) = session.run(["probabilities"], {"pixels": pixels})
    other.encoder_ = clone(encoder).set_params(precision="fp32")
    np.testing.assert_allclose(probabilities, other.predict_proba(pictures), atol=2e-4)
    assert np.ptp(probabilities, axis=0).max() > 0.1


def _embedded(clf, scenes):
    embeddings = clf.encoder_.transform(scenes.images)
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), scenes.Y


@pytest.mark.parametrize(("name", "n_features"), [("RN50", 1024), ("ViT-B-32", 512)])
def test_clip_models(name, n_features, tmp_path, monkeypatch):
    clf = quick(n_features, encoder=OpenCLIPEncoder(name, None))
    shared = model_of(clf.encoder_).model
    # blocks repeat: two of each kind are enough, and quick
    layers = ["layer1", "layer2", "layer3", "layer4"] if name == "RN50" else ["resblocks"]
    holder = shared.visual if name == "RN50" else shared.visual.transformer
    for layer in layers:
        monkeypatch.setitem(holder._modules, layer, getattr(holder, layer)[:2])
    before = {key: (v.data_ptr(), v.stride()) for key, v in shared.state_dict().items()}
    assert export_onnx(clf, tmp_path / "tagger.onnx") < 1e-5
    session, meta = read(tmp_path / "tagger.onnx")
    assert meta["image_size"] == [224, 224]
    pixels = np.random.default_rng(1).standard_normal((2, 3, 224, 224), np.float32)
    found, logits = session.run(None, {"pixels": pixels})
    assert found.shape == logits.shape == (2, 3)
    # the model shared with other encoders is unchanged
    assert before == {key: (v.data_ptr(), v.stride()) for key, v in shared.state_dict().items()}
    assert model_of(clf.encoder_).model is shared
    assert hasattr(shared, "token_embedding")
    with torch.inference_mode():
        tower = model_of(clf.encoder_).region_tower
        embeddings = tower.encode_image(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(found, clf.predict_proba(embeddings), atol=1e-5)
    assert not np.allclose(found, clf.predict_proba(embeddings[:, 0]), atol=2e-5)


@pytest.mark.parametrize("kind", [with_network, CoMCClassifier])
def test_embeddings(kind, tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((40, 6))).add_prefix("e")
    Y = pd.DataFrame(np.arange(120).reshape(40, 3) % 7 < 3, columns=["dog", "Käse", "a, b"])
    clf = kind(make_pipeline(StandardScaler()), max_epochs=2, random_state=0).fit(X, Y.astype(int))
    assert export_onnx(clf, str(tmp_path / "adapter.onnx"), input="embeddings", opset=19) < 1e-5
    session, meta = read(tmp_path / "adapter.onnx")
    assert meta["label_names"] == ["dog", "Käse", "a, b"]
    assert sorted(meta) == [
        "exclusive",
        "groups",
        "label_names",
        "sklearn_tai_version",
        "threshold",
    ]
    assert [entry.version for entry in onnx.load(tmp_path / "adapter.onnx").opset_import] == [19]
    for n in (1, 40):
        (found, _) = session.run(None, {"embeddings": X.to_numpy(np.float32)[:n]})
        np.testing.assert_allclose(found, clf.predict_proba(X)[:n], atol=1e-5)


def test_weights_beside_a_large_file(tmp_path, monkeypatch):
    """The layout for models above 2 GB; each export replaces both files."""
    monkeypatch.setattr("sklearn_tai.deploy._onnx._MAX_BYTES", 1000)
    file, sizes = tmp_path / "adapter.onnx", []
    for _ in range(2):
        clf = quick(300)
        assert export_onnx(clf, file, input="embeddings") < 1e-5
        graph, weights = sorted(tmp_path.iterdir())
        assert graph == file
        assert re.fullmatch(r"adapter\.onnx\.\w{8}\.data", weights.name)
        sizes.append(weights.stat().st_size)
    assert sizes[0] == sizes[1] >= 300 * 16 * 4
    assert file.stat().st_size < 10_000
    X = np.random.default_rng(2).standard_normal((5, 300), np.float32)
    (found, _) = read(file)[0].run(None, {"embeddings": X})
    np.testing.assert_allclose(found, clf.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tolerance": 1e-15}, "more than tolerance=1e-15, so it was not kept"),
        ({"opset": 99}, "could not export the model with opset=99"),
    ],
)
def test_a_failure_leaves_the_earlier_file(params, message, tmp_path):
    file = tmp_path / "adapter.onnx"
    file.write_bytes(b"earlier")
    with pytest.raises(RuntimeError, match=message):
        export_onnx(quick(), file, input="embeddings", **params)
    assert [path.name for path in tmp_path.iterdir()] == ["adapter.onnx"]
    assert file.read_bytes() == b"earlier"


class OwnEncoder:
    def transform(self, X):
        return np.ones((len(X), 8))


class Subclass(OpenCLIPEncoder):
    """Its transform could do anything."""


@pytest.mark.parametrize("own", [OwnEncoder(), Subclass("tai-tiny"), make_pipeline("passthrough")])
def test_encoders_of_other_kinds(own, tmp_path):
    with pytest.raises(ValueError, match=r"only an OpenCLIPEncoder .* input='embeddings'"):
        export_onnx(quick(encoder=own), tmp_path / "tagger.onnx")


def test_encoder_that_does_not_fit(tmp_path):
    message = (
        r"OpenCLIPEncoder\(\) returns embeddings of dimension 512, but clf was fitted on .* 8"
    )
    with pytest.raises(ValueError, match=message):
        export_onnx(quick(), tmp_path / "tagger.onnx")
    with pytest.raises(ValueError, match="of dimension 256"):
        export_onnx(quick(encoder=OpenCLIPEncoder("tai-tiny")), tmp_path / "tagger.onnx")
    with pytest.raises(ValueError, match="model_name='RN5' is not a model"):
        export_onnx(quick(encoder=OpenCLIPEncoder("RN5")), tmp_path / "tagger.onnx")
    with pytest.raises(OSError, match="cannot be loaded"):  # there is no network to download them
        export_onnx(quick(512), tmp_path / "tagger.onnx")


def test_images_that_are_not_square(clf, tmp_path, monkeypatch):
    settings = model_of(clf.encoder_).model.visual.preprocess_cfg
    monkeypatch.setitem(settings, "size", (96, 128))
    with pytest.raises(ValueError, match=r"96 x 128 pixels.* resize_mode to 'squash'"):
        export_onnx(clf, tmp_path / "tagger.onnx")


def test_bad_input(clf, tmp_path, monkeypatch):
    file = tmp_path / "tagger.onnx"
    with pytest.raises(NotFittedError):
        export_onnx(TextAsImageClassifier(), file)
    with pytest.raises(ValueError, match="'clf' parameter of export_onnx must be an instance"):
        export_onnx(ZeroShotClassifier(["dog"]), file)
    with pytest.raises(ValueError, match="'input' parameter of export_onnx must be a str among"):
        export_onnx(clf, file, input="images")
    with pytest.raises(ValueError, match="'opset' parameter"):
        export_onnx(clf, file, opset=13)
    with pytest.raises(ValueError, match="label_names contains 2 names, but clf has 20 labels"):
        export_onnx(clf, file, label_names=["dog", "cat"])
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        export_onnx(clf, tmp_path / "none" / "tagger.onnx")
    with pytest.raises(ValueError, match="is a folder"):
        export_onnx(clf, tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    with pytest.raises(ImportError, match=r"install 'onnx>=.*' 'onnxscript>="):
        export_onnx(clf, file)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "params", [None, {"center": True}, {"standardize": True}, {"head": "cosine"}]
)
def test_every_kind_of_adapter(tmp_path, params):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 8)) + 1, np.eye(4, dtype=int)[np.arange(60) % 4]
    Y[50:] = -1  # images without labels; center subtracts their mean
    modality = np.repeat(["text", "image"], [50, 10])
    clf = TextAsImageClassifier()
    if params is not None:
        clf = with_network(hidden_layer_sizes=(16,), max_epochs=2, **params)
    clf.fit(X, Y, modality)
    file = tmp_path / "adapter.onnx"
    assert export_onnx(clf, file, input="embeddings") < 1e-5
    images = rng.normal(size=(5, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    probabilities, logits = session.run(
        ["probabilities", "logits"], {session.get_inputs()[0].name: images}
    )
    np.testing.assert_allclose(probabilities, clf.predict_proba(images), atol=1e-5)
    # the file's logits belong to its probabilities, whatever decision_function returns
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), probabilities, atol=1e-5)


def test_groups_and_exclusion(tmp_path):
    """The graph computes the probabilities of groups; exclusive labels are in the metadata."""
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary(
        ["dog", "cat", "car"],
        groups={"thing": ["animal", "car"], "animal": ["dog", "cat"]},
        exclusive=[["dog", "cat"]],
    )
    Y = LabelIndicator(rng.integers(0, 2, (30, 5)), vocabulary)
    clf = quick().fit(rng.normal(size=(30, 8)), Y)
    file = tmp_path / "adapter.onnx"
    assert export_onnx(clf, file, input="embeddings") < 1e-4
    session, _ = read(file)
    X = rng.normal(size=(50, 8)).astype(np.float32) * 5
    proba, logits = session.run(None, {"embeddings": X})
    np.testing.assert_allclose(proba, clf.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(logits, clf.decision_function(X), atol=1e-4)
    assert (proba[:, 3] >= proba[:, [0, 1, 2, 4]].max(axis=1)).all()
    raw = clf.adapter_.decision_function(X)
    assert (raw[:, 3] < raw[:, :3].max(axis=1)).any()
    names = ["hund", "katze", "auto", "ding", "tier"]
    export_onnx(clf, file, input="embeddings", label_names=names)
    _, meta = read(file)
    assert meta["groups"] == {
        "ding": ["hund", "katze", "auto", "tier"],
        "tier": ["hund", "katze"],
    }
    assert meta["exclusive"] == [["hund", "katze"]]
