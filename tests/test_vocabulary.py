"""The vocabulary goes from the generator to the classifier's output."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_tai import (
    MultiLabelCalibratedClassifier,
    MultiLabelThresholdClassifier,
    PromptCorpusGenerator,
    ScoreEnsemble,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.corpus import Corpus, LabelIndicator, Vocabulary
from sklearn_tai.deploy import load_classifier, save_classifier
from sklearn_tai.model_selection import CrossModalSplit
from tests.networks import with_network

PETS = ["cat", "dog"]
VOCABULARY = Vocabulary(
    {
        "dog": ["dog", "hound"],
        "cat": ["cat", "kitten"],
        "car": ["car", "automobile"],
        "bus": ["bus"],
    },
    groups={"animal": PETS, "vehicle": ["car", "bus"]},
    exclusive=[["car", "bus"]],
)
LABELS = list(VOCABULARY)


def truth(scenes):
    """The vocabulary's labels and groups for the bundled images."""
    Y = scenes.Y[:, [scenes.label_names.index(label) for label in LABELS[:4]]]
    return np.column_stack([Y, Y[:, :2].max(axis=1), Y[:, 2:].max(axis=1)])


def column(label):
    return LABELS.index(label)


def check(clf, X):
    """Probabilities and predictions agree with each other and with the vocabulary."""
    proba, named = clf.predict_proba(X), clf.predict(X)
    for group, members in VOCABULARY.groups.items():
        for member in members:
            assert (proba[:, column(group)] >= proba[:, column(member)]).all()
            assert (named[:, column(group)] >= named[:, column(member)]).all()
    assert (named[:, column("car")] + named[:, column("bus")] <= 1).all()
    for best in clf.predict_top_k(X, k=len(LABELS)):
        labels = [label for label, _ in best]
        assert len(labels) == len(LABELS) - 1
        assert ("car" in labels) != ("bus" in labels)


@pytest.fixture(scope="module")
def corpus():
    return PromptCorpusGenerator(300, random_state=0).generate(VOCABULARY)


@pytest.fixture(scope="module")
def fitted(encoder, corpus):
    return TextAsImageClassifier(encoder).fit(*corpus)


def test_a_classifier_learns_the_vocabulary(fitted, scenes, corpus):
    assert fitted.vocabulary_ == VOCABULARY
    assert fitted.classes_.tolist() == LABELS
    check(fitted, scenes.images)
    # at threshold 0, all labels except one of the exclusive pair
    low = clone(fitted).set_params(threshold=0.0).fit(*corpus)
    check(low, scenes.images[:40])
    named = low.predict(scenes.images[:40])
    assert (named.sum(axis=1) == len(LABELS) - 1).all()
    proba = low.predict_proba(scenes.images[:40])
    is_car = proba[:, column("car")] >= proba[:, column("bus")]
    np.testing.assert_array_equal(named[:, column("car")], is_car)


def test_all_names_are_understood(fitted, encoder):
    texts = ["a photo of a hound.", "a photo of a kitten.", "a photo of an automobile."]
    assert [row[0][0] for row in fitted.predict_top_k(texts, 1)] == ["animal", "animal", "vehicle"]
    plain = ZeroShotClassifier(["dog", "cat"], encoder).fit()
    both = ZeroShotClassifier({"dog": ["dog", "hound"], "cat": ["cat"]}, encoder).fit()
    own = ZeroShotClassifier(["hound"], encoder).fit()
    means = [
        encoder.transform(
            [t.replace("{}", f"a {name}") for name in ("dog", "hound") for t in both.templates]
        )
    ]
    unit = means[0] / np.linalg.norm(means[0], axis=1, keepdims=True)
    expected = unit.mean(axis=0) / np.linalg.norm(unit.mean(axis=0))
    np.testing.assert_allclose(both.label_embeddings_[0], expected, atol=1e-6)
    np.testing.assert_allclose(both.label_embeddings_[1], plain.label_embeddings_[1], atol=1e-6)
    assert both.label_embeddings_[0] @ own.label_embeddings_[0] > 0.5


@pytest.mark.parametrize("params", [{}, {"standardize": True, "background": True}])
def test_zero_shot(encoder, scenes, params):
    clf = ZeroShotClassifier(VOCABULARY, encoder, **params).fit()
    check(clf, scenes.images[:60])
    assert clf.classes_.tolist() == LABELS
    assert clone(clf).fit().vocabulary_ == VOCABULARY
    # a group without a name scores by its members
    nameless = Vocabulary(VOCABULARY | Vocabulary(["dog"]))
    names = dict(nameless) | {"animal": ()}
    nameless = Vocabulary(names, groups=VOCABULARY.groups)
    alone = ZeroShotClassifier(nameless, encoder).fit()
    scores = alone.decision_function(scenes.images[:20])
    np.testing.assert_allclose(
        scores[:, column("animal")], scores[:, [column(pet) for pet in PETS]].max(axis=1)
    )


def test_regions(fitted, scenes):
    maps = fitted.predict_regions(scenes.images[:5])
    for member in ("car", "bus"):
        assert (maps[..., column("vehicle")] >= maps[..., column(member)]).all()


def test_saved_and_copied(fitted, scenes, tmp_path):
    folder = save_classifier(fitted, tmp_path / "model")
    assert json.loads((folder / "config.json").read_text())["vocabulary"] == VOCABULARY.to_dict()
    for again in (load_classifier(folder), pickle.loads(pickle.dumps(fitted))):
        assert again.vocabulary_ == VOCABULARY
        np.testing.assert_array_equal(
            again.predict(scenes.images[:30]), fitted.predict(scenes.images[:30])
        )


def test_arrays_and_frames_have_no_vocabulary(encoder, corpus, tmp_path):
    texts, Y = corpus
    for plain in (np.asarray(Y), pd.DataFrame(Y, columns=LABELS), np.asarray(Y).tolist()):
        clf = TextAsImageClassifier(encoder).fit(texts, plain)
        assert clf.vocabulary_ is None
        assert load_classifier(save_classifier(clf, tmp_path)).vocabulary_ is None
    # a corpus can carry it
    own = Corpus(texts, pd.DataFrame(Y, columns=LABELS), VOCABULARY)
    assert TextAsImageClassifier(encoder).fit(*own).vocabulary_ == VOCABULARY


def test_rows_columns_and_stacks(corpus, tmp_path):
    Y = corpus.Y
    parts = [
        Y[::2],
        Y[:, ::-1],
        Y[[0, 1]][:, :2],
        Y.copy(),
        Y.astype(float),
        pickle.loads(pickle.dumps(Y)),
        np.vstack([Y, Y]),
        np.vstack([Y, np.zeros((2, 6))]),
        *train_test_split(Y, random_state=0),
    ]
    for part in parts:
        assert part.vocabulary == VOCABULARY
    assert np.vstack([LabelIndicator(Y, LABELS), Y]).vocabulary == VOCABULARY
    assert LabelIndicator(Y, LABELS).vocabulary is None
    assert getattr(np.take(Y, [1, 0], axis=1), "vocabulary", None) is None


def test_through_a_search(encoder, scenes, corpus):
    texts, Y = corpus
    Y_images = truth(scenes)
    some = [i for k in range(len(LABELS)) for i in np.flatnonzero(Y_images[:, k])[:8]]
    X = [*texts, *[scenes.images[i] for i in some]]
    both = np.vstack([Y, LabelIndicator(Y_images[some], LABELS)])
    search = GridSearchCV(
        TextAsImageClassifier(encoder), {"threshold": [0.2, "auto"]}, cv=CrossModalSplit(2)
    ).fit(X, both)
    assert search.best_estimator_.vocabulary_ == VOCABULARY
    check(search.best_estimator_, scenes.images[:30])


def test_groups_of_partly_known_images(encoder, scenes):
    """An image known to show a dog shows an animal, whatever its row says."""
    Y = np.full((40, 6), -1)
    Y[:, 0] = np.arange(40) % 2
    clf = TextAsImageClassifier(encoder)
    with pytest.warns(UserWarning, match="4 of 6 labels"):
        clf.fit(scenes.images[:40], LabelIndicator(Y, VOCABULARY))
    learnt = clf.adapter_.training_data().Y.toarray()
    assert (learnt[Y[:, 0] == 1][:, column("animal")] == 1).all()
    assert (learnt[Y[:, 0] == 0][:, column("animal")] == -1).all()


def test_more_labels_by_partial_fit(fitted, scenes):
    clf = pickle.loads(pickle.dumps(fitted))
    more = Vocabulary(
        ["train", "dog"], groups={"vehicle": ["train"]}, exclusive=[["dog", "train"]]
    )
    clf.partial_fit(*PromptCorpusGenerator(60, random_state=1).generate(more))
    assert clf.classes_.tolist() == [*LABELS, "train"]
    assert clf.vocabulary_ == VOCABULARY | more
    named, proba = clf.predict(scenes.images), clf.predict_proba(scenes.images)
    for member in ("car", "bus", "train"):
        k = clf.classes_.tolist().index(member)
        assert (proba[:, column("vehicle")] >= proba[:, k]).all()
    assert (named[:, column("dog")] + named[:, -1] <= 1).all()
    # new texts about a member, without the group
    clf.partial_fit(["a bus"], LabelIndicator([[1]], ["bus"]))
    _, Y, _ = clf.adapter_.training_data()
    assert Y[-1, column("vehicle")] == 1


def test_meta_estimators(fitted, encoder, scenes, corpus):
    images, Y = scenes.images[:60], truth(scenes)[:60]
    calibrated = MultiLabelCalibratedClassifier(FrozenEstimator(fitted)).fit(images, Y)
    network = with_network(encoder, hidden_layer_sizes=(), max_epochs=2)
    for clf in (
        calibrated,
        MultiLabelThresholdClassifier(FrozenEstimator(calibrated)).fit(images),
        MultiLabelThresholdClassifier(FrozenEstimator(fitted)).fit(images, Y),
        ScoreEnsemble(
            [("kernel", FrozenEstimator(fitted)), ("clip", ZeroShotClassifier(LABELS, encoder))]
        ).fit(*corpus),
        ScoreEnsemble([("clip", ZeroShotClassifier(LABELS, encoder)), ("kernel", network)]).fit(
            *corpus
        ),
        network.fit(*corpus),
    ):
        check(clf, scenes.images[60:100])
    forest = MultiLabelThresholdClassifier(KNeighborsClassifier(), response_method="predict_proba")
    X = encoder.transform(corpus.texts)
    forest.fit(X, corpus.Y)
    assert forest.vocabulary_ == VOCABULARY
    named = forest.predict(X)
    assert (named[:, column("animal")] >= named[:, :2].max(axis=1)).all()
