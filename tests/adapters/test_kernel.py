import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression, Ridge
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
        # lengths do not matter: embeddings are normalized, and a relative radius scales with them
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


def test_kernel_is_what_a_network_learns_from_noise():
    """For two texts with Gaussian noise, the best prediction is the kernel's."""
    rng = np.random.default_rng(0)
    d, radius = 50, 3.0
    texts = normalize(np.vstack([np.eye(d)[0], np.eye(d)[1]]))
    own = rng.integers(2, size=200_000)
    noisy = texts[own] + rng.normal(size=(len(own), d)) * radius / np.sqrt(d)
    # only the position along the line between the texts tells them apart
    side = noisy @ (texts[0] - texts[1])
    inside = np.abs(side - 0.3) < 0.02
    observed = (own[inside] == 0).mean()
    tau = radius**2 / d
    expected = 1 / (1 + np.exp(-0.3 / tau))
    assert abs(observed - expected) < 0.015
    # a point of unit length (the kernel normalizes) with the same difference of cosines
    point = 0.15 * (texts[0] - texts[1]) + np.sqrt(1 - 0.045) * np.eye(d)[2]
    clf = kernel(radius).fit(texts, np.eye(2))
    assert abs(clf.adapter_.predict_proba(np.float32(point[None]))[0, 0] - expected) < 1e-4


def with_images(X, Y, of_texts):
    """The expected scores with images, by scikit-learn's LogisticRegression and Ridge."""
    known = Y >= 0
    share = ((Y == 1).sum(axis=0) + 0.5) / (known.sum(axis=0) + 1)
    precision = share * (1 - share)
    A, targets = X - X.mean(axis=0), np.where(known, Y - share, 0) / precision
    alpha = 1 / (4 * len(A) / (len(A) + 20) / (A**2).sum(axis=1).mean() * precision)
    ridge = Ridge(alpha, fit_intercept=False, solver="cholesky")
    by_others = np.empty(Y.shape)
    for i in range(len(A)):
        others = np.arange(len(A)) != i
        by_others[i] = ridge.fit(A[others], targets[others]).predict(A[i : i + 1])[0]

    def calibrated(scores):
        fitted = LogisticRegression().fit(scores[known][:, None], Y[known])
        return fitted, fitted.predict_proba(scores.reshape(-1, 1))[:, 1].reshape(Y.shape)

    features = np.stack([of_texts + by_others, by_others], axis=-1)[known]
    of_sum, more = LogisticRegression().fit(features, Y[known]).coef_[0]
    trust = np.clip(1 + more / of_sum, 0, 1)
    texts, both = calibrated(of_texts)[0], calibrated(of_texts + trust * by_others)
    expected = np.where(known, both[1], 0).sum(axis=0)
    offsets = np.log(((Y == 1).sum(axis=0) + 4) / (expected + 4))
    found = of_texts + trust * ridge.fit(A, targets).predict(A)
    found = both[0].coef_[0, 0] * found + offsets
    return (found + both[0].intercept_ - texts.intercept_) / texts.coef_[0, 0]


def test_images_add_to_the_texts():
    rng = np.random.default_rng(0)
    prototypes, gap = rng.normal(size=(3, 8)), rng.normal(size=8)
    hidden = prototypes + rng.normal(size=(3, 8))  # images differ a little from what texts say
    Y = (rng.random((60, 3)) < 0.4).astype(np.float32)
    X = np.where(np.arange(60)[:, None] < 40, Y @ prototypes, Y @ hidden + gap)
    X = (X + rng.normal(size=X.shape) * 0.5).astype(np.float32)
    modality = np.repeat(["text", "image"], [40, 20])
    Y[45:48, :2] = -1
    images, known = normalize(X[40:]), Y[40:]
    of_texts = kernel().fit(X[:40], Y[:40]).adapter_.decision_function(images).astype(float)
    expected = with_images(images.astype(float), known, of_texts)
    for labels in (Y, sparse.csr_array(Y)):
        clf = kernel().fit(X, labels, modality)
        np.testing.assert_allclose(clf.adapter_.decision_function(images), expected, atol=1e-3)
    # in any order
    order = rng.permutation(len(X))
    again = kernel().fit(X[order], Y[order], modality[order]).adapter_.decision_function(images)
    np.testing.assert_allclose(again, expected, atol=1e-3)


def test_images_that_contradict_the_texts_change_nothing():
    X, Y = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)
    texts = kernel().fit(X, Y).decision_function(X)
    wrong = kernel().fit(np.vstack([X, X]), np.vstack([Y, 1 - Y]), ["text"] * 4 + ["image"] * 4)
    np.testing.assert_array_equal(wrong.decision_function(X), texts)


def test_one_image_changes_no_order(data):
    X, Y, modality = data
    alone = kernel().fit(X[:50], Y[:50]).decision_function(X)
    one = kernel().fit(X[:54], Y[:54], modality[:54]).decision_function(X)
    np.testing.assert_array_equal(alone.argsort(axis=0), one.argsort(axis=0))


def test_images_alone(data):
    """Without texts: ridge regression on top of the share of each label."""
    rng = np.random.default_rng(0)
    Y = (rng.random((40, 3)) < 0.4).astype(np.float32)
    X = (Y @ rng.normal(size=(3, 8)) + rng.normal(size=(40, 8)) / 2).astype(np.float32)
    Y[:5, 0] = -1
    clf = kernel().fit(X, Y, ["image"] * 40)
    assert clf.score(X[5:], Y[5:]) > 0.9
    # if all images are the same, each label's probability is its share
    same = kernel().fit(np.ones((40, 8)), Y, ["image"] * 40).predict_proba(np.ones((1, 8)))
    known = Y >= 0
    share = ((Y == 1).sum(axis=0) + 0.5) / (known.sum(axis=0) + 1)
    np.testing.assert_allclose(same[0], share, rtol=1e-5)


def test_image_share_is_refused(data):
    X, Y, modality = data
    clf = TextAsImageClassifier(perturbation=MixedPerturbation(1.0, image_share=0.3))
    with pytest.raises(ValueError, match="cannot use image_share"):
        clf.fit(X, Y, modality)
    clf.fit(X[:50], Y[:50])  # no images, no error
    texts = clf.predict_proba(X)
    clf.set_params(perturbation__image_share=0).fit(X, Y, modality)
    np.testing.assert_array_equal(clf.predict_proba(X), texts)


def test_unlabelled_images_change_nothing(data):
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
    "noise", [RandomPerturbation(1.0), *(MixedPerturbation(1.0, image_share=s) for s in (0, None))]
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
    # no bird in old texts, unknown in old images, and no cat in new texts
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
    assert clf.predict_proba(X).shape == (50, 3)  # it is still whole


def test_without_partial_fit(data):
    X, Y, modality = data
    network = with_network()
    assert not hasattr(network, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        network.partial_fit(X, Y)
    clf = TextAsImageClassifier(perturbation=ShiftedPerturbation()).fit(X, Y, modality)
    with pytest.raises(ValueError, match="has moved the texts"):
        clf.partial_fit(X, Y, modality)


def test_training_data_is_returned(data):
    X, Y, modality = data
    is_image = modality == "image"
    perturbation = RandomPerturbation(1.0).fit(X, Y, modality)
    adapter = KernelAdapter().fit(TrainingData(X, Y, is_image), perturbation)
    embeddings, labels, images = adapter.training_data()
    np.testing.assert_allclose(embeddings, X, atol=1e-6)
    np.testing.assert_array_equal(labels.toarray(), Y)
    np.testing.assert_array_equal(images, is_image)


class OwnNoise(BasePerturbation):
    def learn(self, X, y, is_image, length):
        self.radius_ = length(1)


def test_own_perturbation(data):
    X, Y, modality = data
    own = TextAsImageClassifier(perturbation=OwnNoise()).fit(X, Y, modality)
    same = TextAsImageClassifier(perturbation=RandomPerturbation(1)).fit(X, Y, modality)
    np.testing.assert_array_equal(own.predict_proba(X[:9]), same.predict_proba(X[:9]))
    network = own.set_params(adapter=MLPAdapter((), max_epochs=1)).fit(X, Y, modality)
    assert network.predict_proba(X[:9]).shape == (9, 3)


def test_unsupported_perturbations(data):
    X, Y, _ = data
    X, Y = X[:50], Y[:50]
    with pytest.raises(ValueError, match="'perturbation' parameter"):
        TextAsImageClassifier(perturbation=BaseEstimator()).fit(X, Y)
    with pytest.raises(ValueError, match="cannot use the covariance of the noise"):
        TextAsImageClassifier(perturbation=RandomPerturbation(1, covariance="texts")).fit(X, Y)


def test_saved_and_loaded(data, tmp_path):
    X, Y, modality = data
    clf = kernel(center=True)
    clf.fit(X, Y, modality)
    again = load_classifier(save_classifier(clf, tmp_path))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    again.partial_fit(X[:5], Y[:5])
    clf.partial_fit(X[:5], Y[:5])
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_thousands_of_labels_stay_sparse():
    """Dense labels too: as floats they would take 4 bytes an entry, more than once."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3_000, 8)).astype(np.float32)
    Y = np.zeros((3_000, 4_000), np.int8)
    Y[np.arange(3_000), rng.integers(4_000, size=3_000)] = 1
    Y[-5:, :100] = -1
    modality = np.repeat(["text", "image"], [2_995, 5])
    with pytest.warns(UserWarning, match="have no positive item"):
        dense, by_csr = (kernel().fit(X, y, modality) for y in (Y, sparse.csr_array(Y)))
    np.testing.assert_array_equal(dense.predict_proba(X[:9]), by_csr.predict_proba(X[:9]))
    assert dense.adapter_.training_data().Y.nnz == np.count_nonzero(Y)
    dense.partial_fit(X[:10], Y[:10])
    assert dense.adapter_.training_data().Y.nnz == np.count_nonzero(Y) + 10


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("label_values", 2, "neither present nor unknown"),
        ("label_values", -1, "labels of texts cannot be unknown"),
        ("label_places", 0, "given twice"),
        ("label_places", 99, "exceeds matrix dimension"),
        ("label_places", -1, "negative"),
    ],
)
def test_invalid_state(data, name, value, message):
    X, Y, modality = data
    adapter = kernel().fit(X, Y, modality).adapter_
    settings, arrays = adapter.get_state()
    arrays[name] = np.full_like(arrays[name], value)
    with pytest.raises(ValueError, match=message):
        KernelAdapter().set_state(settings, arrays)
