import pickle

import numpy as np
import pytest

from sklearn_tai import RandomPerturbation, ShiftedPerturbation
from sklearn_tai.model_selection import mask_labels
from tests.networks import with_network

# Texts: two with labels {0}, one with {0, 1}, one with {2}, one with none. Images: labels 0 and
# 1 are partly known; label 2 is never known to be present.
X = np.array(
    [[1, 0], [3, 0], [2, 2], [0, 1], [4, 2], [10, 0], [12, 2], [20, 4], [14, 6]], dtype=float
)
Y = np.array(
    [
        *([1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]),
        *([1, 0, -1], [1, 1, 0], [-1, 1, -1], [-1, -1, 0]),
    ]
)
MODALITY = ["text"] * 5 + ["image"] * 4
GAP = np.array([14, 3]) - np.array([2, 1])  # mean image minus mean text


@pytest.fixture
def shifted():
    return ShiftedPerturbation(0, 0, offset_by="combination").fit(X, Y, MODALITY)


def test_by_hand(shifted):
    # Eq. 7: images 0 and 1 show label 0, images 1 and 2 show label 1
    np.testing.assert_allclose(shifted.image_centroids_[:2], [[11, 1], [16, 3]])
    # Eq. 9, first term: the mean over the labels
    np.testing.assert_allclose(
        shifted.estimate_centroids([[1, 0, 0], [1, 1, 0]]), [[11, 1], [13.5, 2]]
    )
    moved = shifted.fit_transform(X, Y, MODALITY)
    # Eqs. 9 and 10: {0} has the text centroid (2, 0), so its offset is (9, 1)
    np.testing.assert_allclose(moved[:2], [[10, 1], [12, 1]])
    np.testing.assert_array_equal(moved[5:], X[5:])  # images do not move


def test_a_combination_seen_once_lands_on_its_estimate(shifted):
    np.testing.assert_allclose(shifted.fit_transform(X, Y, MODALITY)[2], [13.5, 2])


def test_a_label_without_images_moves_by_the_gap(shifted):
    np.testing.assert_allclose(shifted.gap_, GAP)
    np.testing.assert_allclose(shifted.image_centroids_[2], X[3] + GAP)
    np.testing.assert_allclose(shifted.fit_transform(X, Y, MODALITY)[3], X[3] + GAP)


def test_offsets_of_labels_by_hand():
    # label 0: images (11, 1), texts (2, 2/3); label 1: images (16, 3), texts (2, 2)
    offsets = np.array([[9, 1 / 3], [14, 1]])
    shifted = ShiftedPerturbation(0, 0, shrinkage=0)
    moved = shifted.fit_transform(X, Y, MODALITY)
    np.testing.assert_allclose(shifted.label_offsets_[:2], offsets)
    np.testing.assert_allclose(moved[:2], X[:2] + offsets[0])
    np.testing.assert_allclose(moved[2], X[2] + offsets.mean(axis=0))
    np.testing.assert_allclose(moved[3:5], X[3:5] + GAP)  # a label without images; no labels
    np.testing.assert_array_equal(moved[5:], X[5:])


def test_few_images_of_a_label_are_shrunk_towards_the_gap():
    offsets = ShiftedPerturbation(shrinkage=6).fit(X, Y, MODALITY).label_offsets_
    # two images of label 0, and the gap with the weight of six
    np.testing.assert_allclose(offsets[0], (2 * np.array([9, 1 / 3]) + 6 * GAP) / 8)


def test_an_empty_label_set_moves_by_the_gap(shifted):
    np.testing.assert_allclose(shifted.fit_transform(X, Y, MODALITY)[4], X[4] + GAP)
    assert np.isnan(shifted.estimate_centroids([[0, 0, 0]])).all()


def test_a_label_without_texts_or_images():
    wider = np.column_stack([Y, np.zeros(len(Y))])
    for offset_by in ("label", "combination"):
        shifted = ShiftedPerturbation(offset_by=offset_by).fit(X, wider, MODALITY)
        assert np.isnan(shifted.image_centroids_[3]).all()
        assert np.isfinite(shifted.fit_transform(X, wider, MODALITY)).all()


def test_noise_comes_after_the_shift():
    shift = ShiftedPerturbation(radius=0, image_radius=0).fit_transform(X, Y, MODALITY)
    noise = ShiftedPerturbation(3, 0.5, relative=False, random_state=0)
    lengths = np.linalg.norm(noise.fit_transform(X, Y, MODALITY) - shift, axis=1)
    np.testing.assert_allclose(lengths, [3] * 5 + [0.5] * 4)


def test_without_images_it_warns_and_is_random_noise():
    with pytest.warns(UserWarning, match="contains no images.*Add images"):
        same = ShiftedPerturbation(1, random_state=0).fit_transform(X[:5], Y[:5])
    np.testing.assert_array_equal(same, RandomPerturbation(1, random_state=0).fit_transform(X[:5]))
    with pytest.warns(UserWarning, match="contains no images"):
        fitted = ShiftedPerturbation().fit(X[:5], Y[:5])
    with pytest.raises(ValueError, match="without both texts and images"):
        fitted.estimate_centroids([[1, 0, 0]])


def test_labels_of_texts_must_be_known():
    with pytest.raises(ValueError, match=r"y\[0, 0\] is -1.*Only the labels of images"):
        ShiftedPerturbation().fit(X, np.full_like(Y, -1), MODALITY)


def test_all_labels_unknown_moves_by_the_gap():
    unknown = np.where(np.array(MODALITY)[:, None] == "image", -1, Y)
    moved = ShiftedPerturbation(0, offset_by="combination").fit_transform(X, unknown, MODALITY)
    np.testing.assert_allclose(moved[3:5], X[3:5] + GAP)
    # label 0 has the text centroid (2, 2/3), its combination (2, 0)
    np.testing.assert_allclose(moved[:2].mean(axis=0), np.add([2, 2 / 3], GAP))


@pytest.fixture(scope="module")
def partial(corpus, text_embeddings, image_embeddings, scenes):
    """Texts, and half of the images with most of their labels known."""
    Y = np.vstack([corpus[1], mask_labels(scenes.Y[:200], 0.8, random_state=0)])
    modality = np.repeat(["text", "image"], [len(text_embeddings), 200])
    return np.vstack([text_embeddings, image_embeddings[:200]]), Y, modality


def fit(perturbation, X, Y, modality=None):
    clf = with_network(
        None,
        perturbation,
        hidden_layer_sizes=(128,),
        max_lr=5e-3,
        max_epochs=15,
    )
    return clf.fit(X, Y, modality=modality)


@pytest.mark.parametrize("offset_by", ["label", "combination"])
def test_partly_known_labels_of_images_bridge_a_gap(offset_by):
    rng = np.random.default_rng(0)
    in_texts, in_images = rng.normal(size=(2, 5, 32))  # a label looks different in each modality
    Y = (rng.random((900, 5)) < 0.3).astype(int)
    noise = 0.3 * rng.normal(size=(900, 32))
    X = (np.where(np.arange(900)[:, None] < 500, Y @ in_texts, Y @ in_images + 1) + noise).astype(
        "f4"
    )
    partly = np.vstack([Y[:500], mask_labels(Y[500:700], 0.5, random_state=0)])
    modality = np.repeat(["text", "image"], [500, 200])
    test = X[700:], Y[700:]
    without = fit(RandomPerturbation(0.5), X[:500], Y[:500]).score(*test)
    moved = fit(ShiftedPerturbation(0.5, offset_by=offset_by), X[:700], partly, modality)
    assert moved.score(*test) > without + 0.15


def test_training_on_partly_known_labels_helps(
    partial, corpus, text_embeddings, image_embeddings, scenes
):
    test = image_embeddings[200:], scenes.Y[200:]
    without = fit(RandomPerturbation(), text_embeddings, corpus[1]).score(*test)
    trained = fit(ShiftedPerturbation(image_share=0.5), *partial)
    assert trained.score(*test) > without + 0.01
    # no centroid is kept for single texts
    assert len(pickle.dumps(trained.perturbation_)) < 100_000


def test_images_only_serve_the_centroids_at_share_0(partial):
    net = fit(ShiftedPerturbation(), *partial).adapter_.net_
    assert len(net.history[0, "batches"]) == np.ceil(600 / 64)
