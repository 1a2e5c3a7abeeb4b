"""Malicious folders: no code runs, and a short error says what is wrong."""

import copy
import hashlib
import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import skops.io
from safetensors.numpy import load_file, save
from sklearn.exceptions import InconsistentVersionWarning

import sklearn_tai
from sklearn_tai import (
    KernelAdapter,
    MixedPerturbation,
    MLPAdapter,
    OpenCLIPEncoder,
    ShiftedPerturbation,
    TextAsImageClassifier,
)
from sklearn_tai.deploy import TRUSTED_TYPES, load_classifier, save_classifier
from sklearn_tai.encoders import TransformersEncoder

EVIL = [
    None, True, -1, 0, 2, 10**12, 2**70, 1e300, -0.5, "", "x", "x" * 5000, "\x1b]0;owned\x07",
    "../../../etc/passwd", "__class__", [], [[]], [1, 2], ["a", "a"], {}, {"a": 1}, float("nan"),
    float("inf"),
]  # fmt: skip


def fit(kind):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 4)).astype(np.float32), np.tile(np.eye(3, dtype=int), (4, 1))
    if kind == "network":
        adapter = MLPAdapter((5,), max_epochs=1, random_state=0)
        return TextAsImageClassifier(adapter=adapter, center=True).fit(X, Y)
    modality = ["text"] * 8 + ["image"] * 4
    noise = MixedPerturbation() if kind == "kernel" else ShiftedPerturbation()
    encoder = OpenCLIPEncoder("tai-tiny")
    return TextAsImageClassifier(encoder, noise, KernelAdapter()).fit(X, Y, modality)


def places(tree, path=()):
    """The paths of all values in a JSON tree."""
    if path:
        yield path
    for key, value in tree.items() if isinstance(tree, dict) else ():
        yield from places(value, (*path, key))
    if isinstance(tree, list) and tree:
        yield from places(tree[0], (*path, 0))


def changed(tree, path, value):
    tree = copy.deepcopy(tree)
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    if value is changed:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return tree


def write_weights(folder, content):
    """Write weights that match the hash in the configuration."""
    config = json.loads((folder / "config.json").read_text())
    digest = config["weights_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / f"weights-{digest[:16]}.safetensors").write_bytes(content)
    (folder / "config.json").write_text(json.dumps(config))


def is_refused(folder):
    """Load and predict; return whether loading was refused, with one of our own errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        warnings.filterwarnings("ignore", "The perturbation of class")
        try:
            clf = load_classifier(folder)
        except ValueError as error:
            message = str(error)
            clf = None
    if clf is None:
        assert message.startswith("The classifier in ")
        assert message.isprintable()
        assert len(message) < 1500
        return True
    X = np.ones((2, 3, 4), np.float32)  # two images with two regions
    proba, labels = clf.predict_proba(X), clf.predict(X)
    assert proba.shape == labels.shape == (2, 3)
    assert ((proba >= 0) & (proba <= 1)).all()
    assert len(set(clf.classes_.tolist())) == 3
    return False


@pytest.mark.parametrize("kind", ["kernel", "network", "shifted"])
def test_any_value_anywhere(kind, tmp_path):
    folder = save_classifier(fit(kind), tmp_path)
    text = (folder / "config.json").read_text()
    assert not is_refused(folder)
    refused = 0
    variants = [(path, value) for path in places(json.loads(text)) for value in [*EVIL, changed]]
    for path, value in variants:
        (folder / "config.json").write_text(json.dumps(changed(json.loads(text), path, value)))
        try:
            refused += is_refused(folder)
        except BaseException as error:
            raise AssertionError(f"{path} = {value!r:.100}") from error
    assert refused > len(variants) / 2


@pytest.mark.parametrize("kind", ["kernel", "network", "shifted"])
def test_any_array_changed(kind, tmp_path):
    folder = save_classifier(fit(kind), tmp_path)
    [file] = folder.glob("*.safetensors")
    arrays = load_file(file)
    for name, array in arrays.items():
        for other in (
            array[..., :0],
            array[:1],
            np.repeat(array, 2, axis=-1),
            array[None],
            array.astype(np.int64) + 7,
            np.full(array.shape, np.nan),
            np.full(array.shape, np.inf, np.float16),
            array.astype(bool),
            array - 3,
            None,
        ):
            variant = {**arrays, name: other} if other is not None else dict(arrays)
            if other is None:
                del variant[name]
            write_weights(folder, save(variant))
            try:
                is_refused(folder)
            except BaseException as error:
                raise AssertionError(f"{name} {other!r:.200}") from error


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"\xff" * 8 + b"{}", b"[" * 100_000, b"{" * 5000, b"1" * 6000, b"[]",
     pickle.dumps({"a": 1}), b"\xff\xfe", b'"x"', b"null", b'{"a": 1, "a": 2}'],
)  # fmt: skip
def test_any_bytes(content, tmp_path):
    folder = save_classifier(fit("kernel"), tmp_path)
    write_weights(folder, content)
    assert is_refused(folder)
    (folder / "config.json").write_bytes(content)
    assert is_refused(folder)


@pytest.mark.parametrize(
    ("encoder", "name"),
    [
        (OpenCLIPEncoder("hf-hub:evil/model"), "hf-hub:evil/model"),
        (OpenCLIPEncoder("local-dir:/tmp/evil"), "local-dir:/tmp/evil"),
        (OpenCLIPEncoder("ViT-B-32", __file__), __file__),
        (TransformersEncoder("evil/model"), "evil/model"),
    ],
)
def test_foreign_encoders_need_trust(encoder, name, tmp_path):
    clf = fit("kernel")
    clf.encoder_ = encoder
    save_classifier(clf, tmp_path)
    with pytest.raises(ValueError, match=r"its encoder loads '.*', which .* trusted="):
        load_classifier(tmp_path, trusted=["evil"])
    assert load_classifier(tmp_path, trusted=[name]).encoder_.get_params() == encoder.get_params()
    own = OpenCLIPEncoder("tai-tiny")
    assert load_classifier(tmp_path, encoder=own).encoder_ is own


def test_known_encoders_need_no_trust(tmp_path):
    for encoder in (
        OpenCLIPEncoder(),
        OpenCLIPEncoder("fast"),
        OpenCLIPEncoder("RN50", "yfcc15m"),
        OpenCLIPEncoder("RN50", None),
    ):
        clf = fit("kernel")
        clf.encoder_ = encoder
        again = load_classifier(save_classifier(clf, tmp_path))
        assert again.encoder_.get_params() == encoder.get_params()


def test_saved_paths_are_ignored(tmp_path):
    clf = fit("kernel")
    clf.encoder_.set_params(cache=tmp_path / "elsewhere")
    again = load_classifier(save_classifier(clf, tmp_path / "clf"))
    assert again.encoder_.cache == "memory"


@pytest.fixture
def trap(tmp_path, tmp_path_factory):
    """An open_clip model whose tokenizer and text tower come with code."""
    source = tmp_path_factory.mktemp("source")
    models = Path(sklearn_tai.__file__).parent / "encoders" / "models" / "tai-tiny"
    settings = json.loads((models / "open_clip_config.json").read_text())
    text = settings["model_cfg"]["text_cfg"]
    text["hf_tokenizer_name"] = str(source)
    text["tokenizer_kwargs"] = {"trust_remote_code": True}
    (source / "code_of_theirs.py").write_text(f"open({str(tmp_path / 'trap')!r}, 'w')\n")
    auto = {"AutoTokenizer": ["code_of_theirs.T", None], "AutoConfig": "code_of_theirs.C"}
    (source / "tokenizer_config.json").write_text(json.dumps({"auto_map": auto}))
    (source / "config.json").write_text(json.dumps({"auto_map": auto, "model_type": "theirs"}))
    (source / "open_clip_model.safetensors").write_bytes(
        (models / "open_clip_model.safetensors").read_bytes()
    )

    def write(tower=False):
        if tower:
            text["hf_model_name"] = str(source)
        (source / "open_clip_config.json").write_text(json.dumps(settings))
        return f"local-dir:{source}"

    yield write
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("tower", [False, True])
def test_code_never_runs_even_if_trusted(trap, tower, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "y")  # transformers would ask
    name = trap(tower)
    clf = fit("kernel")
    clf.encoder_ = OpenCLIPEncoder(name)
    loads = [
        load_classifier(save_classifier(clf, tmp_path / "clf"), trusted=[name]),
        skops.io.loads(skops.io.dumps(clf), trusted=TRUSTED_TYPES),
    ]
    for again in loads:
        with pytest.raises(OSError, match="cannot be loaded"):
            again.predict_proba(["a dog"])


def test_labels_keep_their_types(tmp_path):
    clf = fit("kernel")
    clf.classes_ = np.array([1, "1", 2.5], dtype=object)
    again = load_classifier(save_classifier(clf, tmp_path))
    assert list(map(type, again.classes_.tolist())) == [int, str, float]


def test_unloadable_classifiers_are_not_saved(tmp_path):
    clf = fit("network")
    clf.adapter_.net_.module_[0].weight.data[0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        save_classifier(clf, tmp_path / "clf")
    assert not (tmp_path / "clf").exists()
