"""Label names go from the generator to the classifier's output, without pandas."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sklearn_tai import (
    MultiLabelThresholdClassifier,
    PromptCorpusGenerator,
    TextAsImageClassifier,
)
from sklearn_tai.corpus import Corpus, LabelIndicator
from sklearn_tai.model_selection import CrossModalSplit, mask_labels

NAMES = ["dog", "cat", "kite"]


@pytest.fixture
def Y():
    return LabelIndicator(np.arange(12).reshape(4, 3) % 2, NAMES)


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (slice(1, 3), NAMES),
        ([0, 2], NAMES),
        (np.array([True, False, True, True]), NAMES),
        ((slice(None), slice(None, None, -1)), NAMES[::-1]),
        ((slice(None), [2, 0]), ["kite", "dog"]),
        ((slice(None), np.array([False, True, True])), ["cat", "kite"]),
        ((slice(None), slice(0, 1)), ["dog"]),
        (([0, 1], Ellipsis), NAMES),
        ((slice(0, 2), Ellipsis), NAMES),
    ],
)
def test_parts_keep_their_names(Y, key, names):
    part = Y[key]
    assert part.label_names == names
    np.testing.assert_array_equal(part, np.asarray(Y)[key])


@pytest.mark.parametrize(
    "change",
    [
        lambda Y: Y.T,
        lambda Y: np.take(Y, [2, 1, 0], axis=1),
        lambda Y: np.roll(Y, 1, axis=1),
        lambda Y: np.hstack([Y, Y]),
        lambda Y: np.concatenate([Y, Y], axis=1),
        lambda Y: np.concatenate([Y, Y], 1),
        lambda Y: Y.reshape(3, 4),
        lambda Y: Y[None, :, :],
        lambda Y: Y[..., [2, 1, 0]],
        lambda Y: Y.transpose(1, 0).copy(),
        lambda Y: np.random.default_rng(0).permutation(Y, axis=1),
    ],
)
def test_functions_that_may_reorder_columns_drop_the_names(Y, change):
    changed = change(Y)
    assert getattr(changed, "label_names", None) is None


def test_copies_and_stacks_keep_their_names(Y, tmp_path):
    joblib.dump(Y, tmp_path / "Y")
    for same in (
        Y.copy(),
        Y.astype(float),
        pickle.loads(pickle.dumps(Y)),
        joblib.load(tmp_path / "Y"),
        clone(Y, safe=False),
    ):
        assert same.label_names == NAMES
        np.testing.assert_array_equal(same, Y)
    for stacked in (np.vstack([Y, Y]), np.concatenate([np.ones((4, 3)), Y], axis=0)):
        assert stacked.label_names == NAMES
        assert stacked.shape == (8, 3)
    train, test = train_test_split(Y, random_state=0)
    assert train.label_names == test.label_names == NAMES
    assert mask_labels(Y, 0.5, random_state=0).label_names == NAMES
    assert isinstance(Y.sum(), np.integer)
    for plain in (Y.sum(axis=0), Y == 1, Y[0], Y[:, 0]):
        assert type(plain) is np.ndarray


def test_lost_names_do_not_come_back(Y):
    assert not hasattr(np.vstack([Y, np.take(Y, [2, 1, 0], axis=1)]), "label_names")
    assert Y[np.ix_([0, 1], [2, 0])].label_names == ["kite", "dog"]
    copied = Y.copy()
    copied.label_names[0] = "wolf"
    assert Y.label_names == NAMES
    with pytest.raises(ValueError, match=r"2 label_names do not fit a matrix of shape \(4, 3\)"):
        LabelIndicator(np.ones((4, 3)), NAMES[:2])


def test_rows_of_other_labels_cannot_be_stacked(Y):
    with pytest.raises(ValueError, match=r"different labels.*Bring their columns into"):
        np.vstack([Y, Y[:, ::-1]])
    order = [NAMES.index(name) for name in NAMES[::-1]]
    assert np.vstack([Y[:, ::-1], Y[:, order]]).label_names == NAMES[::-1]


@pytest.fixture(scope="module")
def fitted(encoder):
    texts, Y = PromptCorpusGenerator(60, random_state=0).generate(NAMES)
    return TextAsImageClassifier(encoder).fit(texts, Y)


def test_a_classifier_knows_the_names(fitted, encoder, scenes):
    assert fitted.classes_.tolist() == NAMES
    assert {label for label, _ in fitted.predict_top_k(scenes.images[:1])[0]} == set(NAMES)
    assert fitted.inverse_transform([[0, 1, 1]]) == [("cat", "kite")]
    assert pickle.loads(pickle.dumps(fitted)).classes_.tolist() == NAMES
    tuned = MultiLabelThresholdClassifier(FrozenEstimator(fitted)).fit(scenes.images[:20])
    assert tuned.classes_.tolist() == NAMES


def test_new_labels_by_partial_fit(fitted, encoder):
    clf = pickle.loads(pickle.dumps(fitted))
    # known labels in another order, and a new one: nothing is mixed up
    clf.partial_fit(*PromptCorpusGenerator(60, random_state=1).generate(["bus", "cat", "dog"]))
    assert clf.classes_.tolist() == [*NAMES, "bus"]
    proba = clf.predict_proba(["a photo of a dog", "a photo of a bus"])
    assert clf.classes_[proba.argmax(axis=1)].tolist() == ["dog", "bus"]


def test_folds_keep_the_names(encoder, scenes):
    texts, Y = PromptCorpusGenerator(60, random_state=0).generate(NAMES)
    X = [*texts, *scenes.images[:8]]
    both = np.vstack([Y, np.zeros((8, 3), int)])
    train, _ = next(CrossModalSplit(2).split(X, both))
    clf = TextAsImageClassifier(encoder).fit([X[i] for i in train], both[train])
    assert clf.classes_.tolist() == NAMES


def test_a_corpus_keeps_them_on_disk(tmp_path):
    corpus = PromptCorpusGenerator(10, random_state=0).generate(NAMES)
    assert isinstance(corpus, Corpus)
    corpus.save(tmp_path / "corpus.jsonl")
    texts, Y = Corpus.load(tmp_path / "corpus.jsonl")
    assert texts == corpus.texts
    assert Y.label_names == NAMES
