import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import normalize

from sklearn_tai import (
    KernelAdapter,
    MixedPerturbation,
    MLPAdapter,
    RandomPerturbation,
    ShiftedPerturbation,
    TextAsImageClassifier,
)
from sklearn_tai.adapters import TrainingData
from sklearn_tai.deploy import load_classifier, save_classifier
from sklearn_tai.perturbation import BasePerturbation
from tests.networks import with_network


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8)).astype(np.float32)
    Y = (rng.random((60, 3)) < 0.4).astype(np.float32)
    modality = np.repeat(["text", "image"], [50, 10])
    Y[50:53, :2] = -1
    Y[0] = 1
    return X, Y, modality


def kernel(radius=1.0, **params):
    return TextAsImageClassifier(perturbation=RandomPerturbation(radius), **params)


def test_probabilities_by_hand(data):
    X, Y, _ = data
    X, Y = X[:50], Y[:50]
    unit = normalize(X)
    for radius in (0.5, 2.5):
        p = softmax(unit @ unit.T * 8 / radius**2, axis=1) @ Y
        clf = kernel(radius).fit(X, Y)
        np.testing.assert_allclose(clf.adapter_.predict_proba(X), p, atol=2e-6)
        logits = clf.adapter_.decision_function(X)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), p, atol=2e-6)
        # lengths do not count, and neither does the unit of a relative radius
        again = kernel(radius).fit(3 * X, Y).adapter_.predict_proba(7 * X)
        np.testing.assert_allclose(again, p, atol=2e-6)


def test_radius_0_takes_the_nearest_text(data):
    X, Y, _ = data
    proba = kernel(0).fit(X[:50], Y[:50]).predict_proba(X[:50] * 2)
    np.testing.assert_allclose(proba, Y[:50], atol=1e-6)


def test_an_absolute_radius_is_in_the_units_of_the_embeddings(data):
    X, Y, _ = data
    X, Y = normalize(X[:50]) * 10, Y[:50]
    absolute = TextAsImageClassifier(perturbation=RandomPerturbation(25, relative=False))
    np.testing.assert_allclose(
        absolute.fit(X, Y).predict_proba(X), kernel(2.5).fit(X, Y).predict_proba(X), atol=1e-6
    )


def test_it_is_what_a_network_learns_from_the_noise():
    """On two texts with Gaussian noise the best prediction is the kernel's."""
    rng = np.random.default_rng(0)
    d, radius = 50, 3.0
    texts = normalize(np.vstack([np.eye(d)[0], np.eye(d)[1]]))
    own = rng.integers(2, size=200_000)
    noisy = texts[own] + rng.normal(size=(len(own), d)) * radius / np.sqrt(d)
    # along the line between the texts, which alone tells them apart
    side = noisy @ (texts[0] - texts[1])
    inside = np.abs(side - 0.3) < 0.02
    observed = (own[inside] == 0).mean()
    tau = radius**2 / d
    expected = 1 / (1 + np.exp(-0.3 / tau))
    assert abs(observed - expected) < 0.015
    # a point of unit length, as the kernel has it, with the same difference of the cosines
    point = 0.15 * (texts[0] - texts[1]) + np.sqrt(1 - 0.045) * np.eye(d)[2]
    clf = kernel(radius).fit(texts, np.eye(2))
    assert abs(clf.adapter_.predict_proba(np.float32(point[None]))[0, 0] - expected) < 1e-4


def test_images_vote_beside_the_texts(data):
    X, Y, modality = data
    unit = normalize(X)
    tau = 1 / 8
    of_texts = softmax(unit @ unit[:50].T / tau, axis=1) @ Y[:50]
    attention = softmax(unit @ unit[50:].T / tau, axis=1)
    known = Y[50:] >= 0
    of_images = attention @ (Y[50:] * known) + (attention @ ~known) * of_texts
    clf = TextAsImageClassifier(perturbation=MixedPerturbation(1.0, image_share=0.25))
    for labels in (Y, sparse.csr_array(Y)):
        proba = clf.fit(X, labels, modality).adapter_.predict_proba(X)
        np.testing.assert_allclose(proba, 0.75 * of_texts + 0.25 * of_images, atol=3e-6)
    # wherever they stand
    order = np.random.default_rng(1).permutation(len(X))
    again = clf.fit(X[order], Y[order], modality[order]).adapter_.predict_proba(X)
    np.testing.assert_allclose(again, proba, atol=1e-6)
    # by their number, where the perturbation sets no share
    by_number = kernel().fit(X, Y, modality).adapter_.predict_proba(X)
    np.testing.assert_allclose(by_number, (5 * of_texts + of_images) / 6, atol=3e-6)
    # not at all
    clf.set_params(perturbation__image_share=0)
    np.testing.assert_allclose(
        clf.fit(X, Y, modality).adapter_.predict_proba(X), of_texts, atol=3e-6
    )


def test_images_alone(data):
    X, Y, modality = data
    X, Y, modality = X[50:], Y[50:], modality[50:]
    Y[5] = 1
    unit = normalize(X)
    attention = softmax(unit @ unit.T * 8, axis=1)
    known = Y >= 0
    expected = (attention @ (Y * known)) / (attention @ known)
    proba = kernel().fit(X, Y, modality).predict_proba(X)
    np.testing.assert_allclose(proba, expected, atol=3e-6)


def test_unlabelled_images_have_no_say(data):
    X, Y, modality = data
    Y[50:] = -1
    alone = kernel().fit(X[:50], Y[:50]).predict_proba(X)
    np.testing.assert_array_equal(kernel().fit(X, Y, modality).predict_proba(X), alone)
    network = with_network(hidden_layer_sizes=(4,), max_epochs=1)
    np.testing.assert_array_equal(
        network.fit(X, Y, modality).predict_proba(X),
        network.fit(X[:50], Y[:50]).predict_proba(X),
    )


def test_moved_texts(data):
    X, Y, modality = data
    clf = TextAsImageClassifier(perturbation=ShiftedPerturbation(1.0)).fit(X, Y, modality)
    moved = clf.perturbation_.shift(X, Y, modality == "image")[:50]
    np.testing.assert_allclose(
        clf.predict_proba(X), kernel().fit(moved, Y[:50]).predict_proba(X), atol=1e-5
    )


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("n_unlabelled", [0, 4])
@pytest.mark.parametrize(
    "noise", [RandomPerturbation(1.0), *(MixedPerturbation(1.0, image_share=s) for s in (0, 0.3))]
)
@pytest.mark.parametrize("texts_first", [True, False])
def test_partial_fit_is_fit_on_all(data, center, n_unlabelled, noise, texts_first, tmp_path):
    X, Y, modality = data
    X = X + np.where(modality == "image", 1, 0)[:, None].astype(np.float32)  # a gap
    Y[60 - n_unlabelled :] = -1
    if not texts_first:
        X, Y, modality = X[::-1], Y[::-1], modality[::-1]
    whole = TextAsImageClassifier(perturbation=noise, center=center).fit(X, Y, modality)
    parts = clone(whole)
    for rows in (slice(0, 20), slice(20, 55), slice(55, 58), slice(58, 60)):
        assert parts.partial_fit(X[rows], Y[rows], modality[rows]) is parts
        parts = load_classifier(save_classifier(parts, tmp_path))
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=1e-5)
    assert parts.perturbation_.radius_ == pytest.approx(whole.perturbation_.radius_)


def test_new_labels(data):
    X, Y, modality = data
    names = ["dog", "cat"]
    first = pd.DataFrame(Y[:, :2], columns=names)
    clf = kernel().fit(X[40:], first[40:], modality[40:])
    new = pd.DataFrame({"bird": Y[:40, 2], "dog": Y[:40, 0]})
    clf.partial_fit(X[:40], new)
    assert clf.classes_.tolist() == ["dog", "cat", "bird"]
    # old texts have no bird, old images may have one, and new texts no cat
    Y[40:50, 2], Y[50:, 2], Y[:40, 1] = 0, -1, 0
    whole = kernel().fit(
        np.vstack([X[40:], X[:40]]),
        np.vstack([Y[40:], Y[:40]]),
        np.r_[modality[40:], modality[:40]],
    )
    np.testing.assert_allclose(clf.predict_proba(X), whole.predict_proba(X), atol=1e-5)


def test_new_labels_of_arrays(data):
    X, Y, _ = data
    X, Y = X[:50], Y[:50]
    clf = kernel().fit(X[:25], Y[:25, :2]).partial_fit(X[25:], Y[25:])
    assert clf.classes_.tolist() == [0, 1, 2]
    named = kernel().fit(X[:25], pd.DataFrame(Y[:25, :2], columns=["a", "b"]))
    assert named.partial_fit(X[25:], Y[25:, :1], classes=["c"]).classes_.tolist() == [
        "a",
        "b",
        "c",
    ]
    assert kernel().partial_fit(X, Y, classes=list("xyz")).classes_.tolist() == ["x", "y", "z"]
    with pytest.raises(ValueError, match="y has 1 columns but this classifier knows 3 labels"):
        clf.partial_fit(X, Y[:, :1])
    with pytest.raises(ValueError, match="give one name for each column"):
        clf.partial_fit(X, Y, classes=["a"])
    assert clf.predict_proba(X).shape == (50, 3)  # nothing was lost


def test_what_cannot_learn_more(data):
    X, Y, modality = data
    network = with_network()
    assert not hasattr(network, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        network.partial_fit(X, Y)
    clf = TextAsImageClassifier(perturbation=ShiftedPerturbation()).fit(X, Y, modality)
    with pytest.raises(ValueError, match="has moved the texts"):
        clf.partial_fit(X, Y, modality)


def test_items_come_back(data):
    X, Y, modality = data
    is_image = modality == "image"
    perturbation = MixedPerturbation(1.0).fit(X, Y, modality)
    adapter = KernelAdapter().fit(TrainingData(X, Y, is_image), perturbation)
    embeddings, labels, images = adapter.training_data()
    np.testing.assert_allclose(embeddings, X, atol=1e-6)
    np.testing.assert_array_equal(labels, Y)
    np.testing.assert_array_equal(images, is_image)


class OwnNoise(BasePerturbation):
    def learn(self, X, y, is_image, length):
        self.radius_ = length(1)


def test_noise_of_ones_own(data):
    X, Y, modality = data
    own = TextAsImageClassifier(perturbation=OwnNoise()).fit(X, Y, modality)
    same = TextAsImageClassifier(perturbation=RandomPerturbation(1)).fit(X, Y, modality)
    np.testing.assert_array_equal(own.predict_proba(X[:9]), same.predict_proba(X[:9]))
    network = own.set_params(adapter=MLPAdapter((), max_epochs=1)).fit(X, Y, modality)
    assert network.predict_proba(X[:9]).shape == (9, 3)


def test_noise_that_it_does_not_know(data):
    X, Y, _ = data
    X, Y = X[:50], Y[:50]
    with pytest.raises(ValueError, match="'perturbation' parameter"):
        TextAsImageClassifier(perturbation=BaseEstimator()).fit(X, Y)
    with pytest.raises(ValueError, match="knows no covariance of the noise"):
        TextAsImageClassifier(perturbation=RandomPerturbation(1, covariance="texts")).fit(X, Y)


def test_saved_and_loaded(data, tmp_path):
    X, Y, modality = data
    clf = TextAsImageClassifier(perturbation=MixedPerturbation(1.0), center=True)
    clf.fit(X, Y, modality)
    again = load_classifier(save_classifier(clf, tmp_path))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    again.partial_fit(X[:5], Y[:5])
    clf.partial_fit(X[:5], Y[:5])
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
