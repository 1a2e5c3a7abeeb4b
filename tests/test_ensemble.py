import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier

from sklearn_tai import ScoreEnsemble, ZeroShotClassifier
from sklearn_tai.metrics import mean_average_precision
from tests.networks import with_network


class Fixed(ClassifierMixin, BaseEstimator):
    """A classifier with given scores."""

    def __init__(self, scores, classes=("a", "b")):
        self.scores = scores
        self.classes = classes
        self.classes_ = np.array(list(classes))

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        return np.asarray(self.scores, dtype=float)[: len(X)]


class Sure(Fixed):
    """Its scores are also its probabilities."""

    def decision_function(self, X):
        return -super().decision_function(X)

    def predict_proba(self, X):
        return super().decision_function(X)


A = FrozenEstimator(Fixed([[0, 10], [5, 10]]))
B = FrozenEstimator(Fixed([[-1, 1], [0, -1]]))


def test_by_hand():
    ensemble = ScoreEnsemble([("a", A), ("b", B)]).fit([[0], [0]])
    # scaled: a is [0, 1], [0.5, 1]; b is [0, 1], [0.5, 0]
    np.testing.assert_allclose(ensemble.predict_proba([[0], [0]]), [[0, 1], [0.5, 0.5]])
    np.testing.assert_array_equal(ensemble.predict([[0], [0]]), [[0, 1], [0, 0]])
    weighted = ScoreEnsemble([("a", A), ("b", B)], [3, 1]).fit([[0], [0]])
    np.testing.assert_allclose(weighted.predict_proba([[0], [0]]), [[0, 1], [0.5, 0.75]])
    assert ensemble.classes_.tolist() == ["a", "b"]


def test_probabilities_beside_scaled_scores():
    # section 8 of the paper: scores from 0 to 1, averaged with the adapter's probabilities
    sure = FrozenEstimator(Sure([[0.2, 0.4], [0.9, 0.6]]))
    ensemble = ScoreEnsemble([("a", sure), ("b", B)], scaling=[None, "minmax"]).fit([[0], [0]])
    np.testing.assert_allclose(ensemble.predict_proba([[0], [0]]), [[0.1, 0.7], [0.7, 0.3]])
    kept = ensemble.set_params(scale_on="fit").fit([[0], [0]])
    np.testing.assert_array_equal(kept.ranges_, [[0, 1], [-1, 1]])
    np.testing.assert_allclose(kept.predict_proba([[0]]), [[0.1, 0.7]])
    soft = ScoreEnsemble([("a", sure), ("c", sure)], scaling=None).fit([[0]])
    np.testing.assert_allclose(soft.predict_proba([[0]]), [[0.2, 0.4]])
    with pytest.raises(TypeError, match="'b' has no predict_proba"):
        ScoreEnsemble([("a", sure), ("b", B)], scaling=None).fit([[0]])


def test_scales_of_the_batch_and_of_the_fit():
    batch = ScoreEnsemble([("b", B)]).fit([[0], [0]])
    np.testing.assert_allclose(batch.predict_proba([[0]]), [[0, 1]])
    kept = ScoreEnsemble([("b", FrozenEstimator(Fixed([[0, 2], [4, 1]])))], scale_on="fit")
    kept.fit([[0]])
    np.testing.assert_array_equal(kept.ranges_, [[0, 2]])
    # 4 is above the largest score seen in fit, so it is clipped
    np.testing.assert_allclose(kept.predict_proba([[0], [0]]), [[0, 1], [1, 0.5]])


def test_constant_scores():
    ensemble = ScoreEnsemble([("a", FrozenEstimator(Fixed([[3, 3]])))]).fit([[0]])
    assert ensemble.predict_proba([[0]]).tolist() == [[0, 0]]


@pytest.fixture(scope="module")
def adapter(encoder):
    return with_network(encoder, hidden_layer_sizes=(128,), max_lr=5e-3, max_epochs=15)


def test_integration_of_adapter_and_zero_shot(encoder, adapter, corpus, scenes, image_embeddings):
    parts = [("adapter", adapter), ("clip", ZeroShotClassifier(scenes.label_names, encoder))]
    ensemble = ScoreEnsemble(parts).fit(*corpus)
    score = ensemble.score(image_embeddings, scenes.Y)
    assert score > ensemble.estimators_[1].score(image_embeddings, scenes.Y)
    assert score == mean_average_precision(scenes.Y, ensemble.predict_proba(image_embeddings))
    again = ScoreEnsemble(
        [(name, FrozenEstimator(e)) for name, e in zip("ab", ensemble.estimators_)]
    ).fit(image_embeddings)
    np.testing.assert_array_equal(
        again.predict_proba(image_embeddings), ensemble.predict_proba(image_embeddings)
    )
    same = pickle.loads(pickle.dumps(ensemble)).predict_proba(image_embeddings)
    np.testing.assert_array_equal(same, ensemble.predict_proba(image_embeddings))


def test_modality_is_passed_to_members_that_accept_it(
    adapter, corpus, text_embeddings, image_embeddings, scenes
):
    X, Y = np.vstack([text_embeddings, image_embeddings]), np.vstack([corpus[1], scenes.Y])
    modality = np.repeat(["text", "image"], [len(text_embeddings), len(image_embeddings)])
    quick = clone(adapter).set_params(adapter__max_epochs=1)
    parts = [("adapter", quick), ("neighbours", KNeighborsClassifier())]
    ensemble = ScoreEnsemble(parts).fit(X, Y, modality=modality)
    expected = quick.fit(X, Y, modality=modality)
    np.testing.assert_array_equal(
        ensemble.estimators_[0].predict_proba(X), expected.predict_proba(X)
    )


def test_any_multi_label_classifier_and_search():
    X, Y = make_multilabel_classification(n_classes=3, random_state=0)
    parts = [("forest", RandomForestClassifier(5)), ("neighbours", KNeighborsClassifier())]
    search = GridSearchCV(
        ScoreEnsemble(parts),
        {"forest__max_depth": [2, 4], "weights": [None, [1, 3]]},
        cv=2,
        error_score="raise",
    ).fit(X, Y)
    assert search.best_score_ > 0.5
    assert clone(search.best_estimator_).get_params()["forest"].max_depth in (2, 4)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimators": []}, "estimators is empty"),
        ({"estimators": [("a", A), ("a", B)]}, "Names provided are not unique"),
        ({"weights": [1]}, r"weights has shape \(1,\); expected \(2,\)"),
        ({"weights": [1, -1]}, "weights must be 0 or more"),
        ({"weights": [0, 0]}, "weights must be 0 or more"),
        ({"estimators": [A, B]}, r"\(name, estimator\) pairs"),
        ({"scaling": "rank"}, "'scaling' parameter"),
        ({"scaling": ["minmax"]}, "for each of the 2 estimators"),
        ({"scaling": ["minmax", "rank"]}, "must hold 'minmax' or None"),
        ({"scale_on": "test"}, "'scale_on' parameter"),
    ],
)
def test_bad_parameters(params, message):
    params = {"estimators": [("a", A), ("b", B)], **params}
    with pytest.raises(ValueError, match=message):
        ScoreEnsemble(**params).fit([[0]])


def test_not_fitted(adapter):
    with pytest.raises(NotFittedError):
        ScoreEnsemble([("a", FrozenEstimator(clone(adapter)))]).fit([[0]])
    with pytest.raises(NotFittedError):
        ScoreEnsemble([("a", A)]).predict([[0]])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Fixed([[1, 2, 3]], "abc"), "'c' has 3 labels but 'a' has 2"),
        (Fixed([[1, 2]], "ba"), "same labels in the same order"),
    ],
)
def test_labels_must_agree(other, message):
    with pytest.raises(ValueError, match=message):
        ScoreEnsemble([("a", A), ("c", FrozenEstimator(other))]).fit([[0]])


def test_numbered_labels_go_with_named_ones():
    numbered = FrozenEstimator(Fixed([[1, 2]], [0, 1]))
    assert ScoreEnsemble([("c", numbered), ("a", A)]).fit([[0]]).classes_.tolist() == ["a", "b"]


def test_unknown_fit_parameters(adapter, text_embeddings, corpus):
    with pytest.raises(TypeError, match=r"No estimator's fit takes \['modalty'\]"):
        ScoreEnsemble([("a", adapter)]).fit(text_embeddings, corpus[1], modalty=[])


def test_search_over_weights_of_fitted_classifiers(adapter, text_embeddings, corpus):
    fitted = clone(adapter).set_params(adapter__max_epochs=1).fit(text_embeddings, corpus[1])
    parts = [("a", FrozenEstimator(fitted)), ("b", FrozenEstimator(fitted))]
    search = GridSearchCV(
        ScoreEnsemble(parts), {"weights": [[1, 1], [1, 2]]}, cv=2, error_score="raise"
    ).fit(text_embeddings, corpus[1])
    assert search.best_score_ > 0.2


def test_every_member_reads_an_iterator(encoder, scenes):
    zero_shot = FrozenEstimator(ZeroShotClassifier(scenes.label_names, encoder).fit())
    ensemble = ScoreEnsemble([("a", zero_shot), ("b", zero_shot)]).fit(iter(scenes.images[:4]))
    proba = ensemble.predict_proba(iter(scenes.images[:4]))
    np.testing.assert_allclose(proba, ensemble.predict_proba(scenes.images[:4]), atol=1e-5)
