import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import entropy
from sklearn.linear_model import Perceptron
from sklearn.model_selection import GridSearchCV

from sklearn_tai import RandomPerturbation, TextAsImageClassifier
from sklearn_tai.model_selection import (
    CrossModalSplit,
    entropy_sampling,
    few_shot_indices,
    mask_labels,
)
from tests.networks import with_network


@pytest.fixture
def Y():
    return (np.random.default_rng(0).random((300, 6)) < 0.1).astype(int)


def test_few_shots_of_every_label(Y):
    for n_shots in (1, 4, 16):
        drawn = few_shot_indices(Y, n_shots, random_state=0)
        assert (Y[drawn].sum(axis=0) >= n_shots).all()
        assert len(drawn) <= 6 * n_shots
        assert (np.diff(drawn) > 0).all()


def test_more_shots_contain_fewer(Y):
    few, many = (few_shot_indices(Y, n, random_state=3) for n in (2, 8))
    assert set(few) <= set(many)


def test_few_shots_random_state_and_kinds_of_y(Y):
    expected = few_shot_indices(Y, 3, random_state=1)
    for same in (Y.tolist(), sparse.csr_matrix(Y), pd.DataFrame(Y)):
        np.testing.assert_array_equal(few_shot_indices(same, 3, random_state=1), expected)
    assert not np.array_equal(few_shot_indices(Y, 3, random_state=2), expected)
    assert len(few_shot_indices(Y, 0)) == 0


def test_unknown_entries_are_no_shots():
    assert few_shot_indices([[-1], [1], [0]], 1).tolist() == [1]


def test_too_few_images():
    with pytest.warns(UserWarning, match=r"1 labels have fewer than n_shots=2 images \(columns 1"):
        assert few_shot_indices([[1, 0], [1, 1]], 2).tolist() == [0, 1]


def test_mask_labels(Y):
    masked = mask_labels(Y, 0.7, random_state=0)
    known = masked >= 0
    np.testing.assert_array_equal(masked[known], Y[known])
    assert known.mean() == pytest.approx(0.7, abs=0.03)
    # both positives and negatives
    assert known[Y == 1].mean() == pytest.approx(0.7, abs=0.1)
    assert (mask_labels(Y, 1) == Y).all()
    assert (mask_labels(Y, 0) == -1).all()
    less = mask_labels(Y, 0.3, random_state=0) >= 0
    assert (known | ~less).all()


def test_mask_labels_of_a_data_frame(Y):
    frame = pd.DataFrame(Y, columns=list("abcdef"), index=range(7, 307))
    masked = mask_labels(frame, 0.5, random_state=0)
    assert masked.columns.tolist() == list("abcdef")
    assert masked.index[0] == 7
    np.testing.assert_array_equal(masked, mask_labels(sparse.csr_matrix(Y), 0.5, random_state=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: few_shot_indices([[1]], -1), "'n_shots' parameter"),
        (lambda: few_shot_indices([1, 0], 1), "indicator matrix"),
        (lambda: mask_labels([[1]], 1.5), "'known_fraction' parameter"),
        (lambda: mask_labels([[2]], 0.5), r"y\[0, 0\] is 2"),
    ],
)
def test_bad_samples(call, message):
    with pytest.raises(ValueError, match=message):
        call()


MODALITY = np.array(["text", "image"] * 10)
EMBEDDINGS = np.ones((20, 2))


def test_split_trains_on_texts_and_scores_on_images():
    (split,) = CrossModalSplit().split(EMBEDDINGS, groups=MODALITY)
    np.testing.assert_array_equal(split, [np.arange(0, 20, 2), np.arange(1, 20, 2)])
    tests = []
    for train, test in CrossModalSplit(5, random_state=0).split(EMBEDDINGS, groups=MODALITY):
        np.testing.assert_array_equal(train, np.arange(0, 20, 2))
        tests.extend(test)
    assert sorted(tests) == list(range(1, 20, 2))


def test_split_with_images_in_training():
    splits = list(
        CrossModalSplit(5, train_images=True, random_state=0).split(EMBEDDINGS, groups=MODALITY)
    )
    for train, test in splits:
        assert (len(train), len(test)) == (18, 2)
        assert not set(train) & set(test)
    assert CrossModalSplit(5).get_n_splits() == 5


@pytest.mark.parametrize(
    ("params", "groups", "message"),
    [
        ({}, None, "unknown which rows are images"),
        ({}, ["text"] * 20, "0 images, fewer than n_splits=1"),
        ({}, ["image"] * 20, "no texts"),
        ({"train_images": True}, MODALITY, "n_splits of 2 or more"),
        ({"n_splits": 0}, MODALITY, "'n_splits' parameter"),
    ],
)
def test_bad_splits(params, groups, message):
    with pytest.raises(ValueError, match=message):
        next(CrossModalSplit(**params).split(EMBEDDINGS, groups=groups))


def small(encoder=None):
    return with_network(encoder, hidden_layer_sizes=(64,), max_lr=5e-3, max_epochs=4)


def test_grid_search_over_items(encoder, corpus, scenes):
    X, Y = [*corpus[0], *scenes.images[:40]], np.vstack([corpus[1], scenes.Y[:40]])
    search = GridSearchCV(
        small(encoder),
        {"perturbation__radius": [0, 2.5]},
        cv=CrossModalSplit(),
        error_score="raise",
    ).fit(X, Y)
    assert search.cv_results_["split0_test_score"].shape == (2,)


def test_grid_search_over_embeddings(corpus, text_embeddings, image_embeddings, scenes):
    X, Y = np.vstack([text_embeddings, image_embeddings]), np.vstack([corpus[1], scenes.Y])
    modality = np.repeat(["text", "image"], [len(text_embeddings), len(image_embeddings)])
    search = GridSearchCV(
        small(),
        {"perturbation__radius": [0, 50]},
        cv=CrossModalSplit(2, train_images=True),
        error_score="raise",
        refit=False,
    ).fit(X, Y, modality=modality, groups=modality)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] > scores[1] + 0.1  # noise of 50 norms drowns everything


def test_metadata_routing(corpus, text_embeddings, image_embeddings, scenes):
    import sklearn

    X, Y = np.vstack([text_embeddings, image_embeddings]), np.vstack([corpus[1], scenes.Y])
    modality = np.repeat(["text", "image"], [len(text_embeddings), len(image_embeddings)])
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            small().set_fit_request(modality=True),
            {"perturbation__radius": [0]},
            cv=CrossModalSplit(),
            error_score="raise",
            refit=False,
        ).fit(X, Y, modality=modality, groups=modality)
    assert search.cv_results_["mean_test_score"][0] > 0.3


def test_the_most_uncertain_image_comes_first():
    X = np.eye(3, dtype=np.float32)
    clf = TextAsImageClassifier(perturbation=RandomPerturbation(1.0)).fit(X, X)
    between = np.float32([[1, 0, 0], [1, 1, 1], [1, 0.5, 0]])
    proba = clf.predict_proba(between).astype(float)
    uncertainty = [sum(entropy([p, 1 - p]) for p in row) for row in proba]
    assert entropy_sampling(clf, between).tolist() == np.argsort(uncertainty)[::-1].tolist()
    with pytest.raises(AttributeError, match="predict_proba"):  # it has no probabilities
        entropy_sampling(Perceptron().fit(X, [0, 1, 2]), X)
