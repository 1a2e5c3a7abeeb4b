"""Damaged files are either read correctly or refused with a clear error."""

import json
import warnings
from contextlib import suppress

import click
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sklearn_tai.cli._formats import CSV, JSONLines, Tagged
from sklearn_tai.cli._output import ResumableFile
from sklearn_tai.corpus import Corpus
from sklearn_tai.corpus._checkpoint import Checkpoint
from sklearn_tai.deploy import load_classifier, save_classifier
from sklearn_tai.encoders._cache import EmbeddingCache
from tests.chaos.test_kills import N_KILLS
from tests.chaos.writers import fitted

fuzzed = settings(
    max_examples=15 * N_KILLS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3),
    max_leaves=6,
)  # fmt: skip


@st.composite
def changes(draw):
    """A function that cuts, overwrites and repeats bytes."""
    step = st.tuples(st.sampled_from("cwir"), st.floats(0, 1), st.binary(max_size=9))
    steps = draw(st.lists(step, min_size=1, max_size=3))

    def change(content):
        for kind, share, data in steps:
            k = int(share * len(content))
            content = {
                "c": content[:k],
                "w": content[:k] + data + content[k + len(data) :],
                "i": content[:k] + data + content[k:],
                "r": content[:k] + content[k // 2 :],
            }[kind]
        return content

    return change


@fuzzed
@given(change=changes())
def test_corpora(change, tmp_path):
    file = tmp_path / "c.jsonl"
    Corpus(["a dog", "a “cat”", "ü"], [[1, 0], [0, 1], [0, 0]], ["dog", "cat"]).save(file)
    file.write_bytes(change(file.read_bytes()))
    with suppress(ValueError):
        corpus = Corpus.load(file)
        assert corpus.Y.shape == (len(corpus.texts), len(corpus.label_names))
        corpus.save(file)
        assert Corpus.load(file).texts == corpus.texts


@fuzzed
@given(first=JSON, second=JSON)
def test_corpora_of_any_json(first, second, tmp_path):
    file = tmp_path / "c.jsonl"
    lines = [{"label_names": first}, {"text": "a dog", "labels": second}, {"text": first}]
    for chosen in (lines, lines[1:], lines[:2], [first, second]):
        file.write_text("\n".join(map(json.dumps, chosen)))
        with suppress(ValueError):
            Corpus.load(file)


@fuzzed
@given(change=changes())
def test_checkpoints(change, tmp_path):
    file = tmp_path / "c.jsonl"
    file.unlink(missing_ok=True)
    store = Checkpoint(file, {"a": 1})
    for i in range(3):
        store.add({"set": i, "variation": 0, "labels": [], "text": "ü", "shortened": False})
    store.close()
    file.write_bytes(change(file.read_bytes()))
    Checkpoint.stored_settings(file)
    with suppress(ValueError):
        Checkpoint(file, {"a": 1}).close()


@fuzzed
@given(change=changes(), form=st.sampled_from([CSV, JSONLines]), note=st.booleans())
def test_tags(change, form, note, tmp_path):
    file = tmp_path / "tags"
    for old in tmp_path.iterdir():
        old.unlink()
    tags = ResumableFile(file, form(), {"model": "m"}, force=False)
    tags.write([Tagged(f"{i}.png", ["dog", "ü"], [0.5, 0.25]) for i in range(3)])
    tags.close()
    target = file.with_name(".tags.json") if note else file
    target.write_bytes(change(target.read_bytes()))
    with suppress(click.ClickException):
        ResumableFile(file, form(), {"model": "m"}, force=False).close()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_classifier(fitted(["dog", "cat", "bus"], 1), tmp_path_factory.mktemp("model"))


@pytest.mark.filterwarnings("ignore:.* was saved by version")
@pytest.mark.filterwarnings("ignore:The perturbation of class")
@fuzzed
@given(change=changes(), pattern=st.sampled_from(["config.json", "weights-*"]))
def test_classifiers(change, pattern, model):
    [file] = model.glob(pattern)
    content = file.read_bytes()
    file.write_bytes(change(content))
    try:
        proba = load_classifier(model).predict_proba(np.ones((1, 2, 40), np.float32))
        assert ((proba >= 0) & (proba <= 1)).all()
    except ValueError as error:
        assert str(error).startswith("The classifier in")  # noqa: PT017
    finally:
        file.write_bytes(content)


@fuzzed
@given(change=changes())
def test_caches(change, tmp_path):
    for old in tmp_path.iterdir():
        old.unlink()
    keys, vectors = (
        [f"{k:064x}" for k in range(20)],
        np.arange(80, dtype=np.float32).reshape(20, 4),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        EmbeddingCache(tmp_path).put(keys, vectors)
        file = tmp_path / "embeddings.sqlite"
        file.write_bytes(change(file.read_bytes()))
        cache = EmbeddingCache(tmp_path)
        for key, vector in cache.get(keys).items():
            np.testing.assert_array_equal(vector, vectors[keys.index(key)])
        cache.put(keys, vectors)
