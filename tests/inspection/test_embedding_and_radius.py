import matplotlib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_tai import ShiftedPerturbation
from sklearn_tai.inspection import EmbeddingDisplay, RadiusCurveDisplay
from sklearn_tai.model_selection import CrossModalSplit
from tests.networks import with_network

matplotlib.use("agg")


@pytest.fixture(scope="module")
def mixed(corpus, scenes):
    return [*corpus[0], *scenes.images], np.vstack([corpus[1], scenes.Y])


@pytest.fixture(scope="module")
def embedded(text_embeddings, image_embeddings):
    modality = np.repeat(["text", "image"], [len(text_embeddings), len(image_embeddings)])
    return np.vstack([text_embeddings, image_embeddings]), modality


def small(encoder, perturbation=None):
    return with_network(encoder, perturbation, hidden_layer_sizes=(32,), max_epochs=2)


def test_embedding_display(encoder, mixed, embedded, scenes):
    clf = small(encoder, ShiftedPerturbation()).fit(embedded[0], mixed[1], modality=embedded[1])
    by_items = EmbeddingDisplay.from_estimator(
        clf, *mixed, label_names=scenes.label_names, n_combinations=3, random_state=0
    )
    by_rows = EmbeddingDisplay.from_estimator(
        clf, embedded[0], mixed[1], modality=embedded[1], n_combinations=3, random_state=0
    )
    assert len(by_items.points) == len(by_rows.points) == len(by_items.combination)
    assert by_items.true_centroids.shape == by_items.estimated_centroids.shape == (3, 2)
    assert set(by_items.combination) == {0, 1, 2}
    assert set(by_items.names) <= set(scenes.label_names)  # the most common ones are single labels
    # every point has the labels of its combination
    shown = [scenes.label_names.index(name) for name in by_items.names]
    counts = [(mixed[1].sum(axis=1) == 1) & (mixed[1][:, k] == 1) for k in shown]
    assert [c.sum() for c in counts] == np.bincount(by_items.combination).tolist()
    texts = [t.get_text() for t in by_items.ax_.get_legend().get_texts()]
    assert texts == ["text", "image", "true centroid", "estimated centroid", *by_items.names]


def test_embedding_display_without_common_labels():
    X, Y = np.eye(4), [[1, 0], [1, 0], [0, 1], [0, 1]]
    with pytest.raises(ValueError, match="No label combination in y has both"):
        EmbeddingDisplay.from_embeddings(X, Y, ["text", "text", "image", "image"])


def test_radius_curve_from_estimator(encoder, mixed, embedded):
    display = RadiusCurveDisplay.from_estimator(
        small(encoder), embedded[0], mixed[1], radii=[0, 1], modality=embedded[1],
        groups=embedded[1],
    )  # fmt: skip
    assert display.radii.tolist() == [0, 1]
    assert display.scores[""].shape == (2, 1)
    np.testing.assert_allclose(display.lines_[0][0].get_ydata(), display.scores[""][:, 0])


def test_radius_curve_from_search(embedded, mixed):
    search = GridSearchCV(
        small(None),
        {"perturbation__radius": [1, 0], "perturbation__surface": [True, False]},
        cv=CrossModalSplit(2),
        refit=False,
        error_score="raise",
    )
    with pytest.raises(ValueError, match="fit it first"):
        RadiusCurveDisplay.from_search(search)
    search.fit(embedded[0], mixed[1], modality=embedded[1], groups=embedded[1])
    display = RadiusCurveDisplay.from_search(search)
    assert display.radii.tolist() == [0, 1]
    assert set(display.scores) == {"surface=True", "surface=False"}
    best = search.cv_results_["params"].index(search.best_params_)
    curve = display.scores[f"surface={search.best_params_['perturbation__surface']}"]
    row = search.best_params_["perturbation__radius"]  # radii are 0 and 1
    assert curve[row].mean() == search.cv_results_["mean_test_score"][best]
    assert len(display.ax_.get_legend().get_texts()) == 2
    with pytest.raises(ValueError, match="not over 'radius'"):
        RadiusCurveDisplay.from_search(search, param_name="radius")
