import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier

from sklearn_tai import TextAsImageClassifier
from sklearn_tai._cuts import best_cut
from sklearn_tai.thresholds import MultiLabelThresholdClassifier

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def clf(encoder, corpus, scenes):
    texts, Y = corpus
    return TextAsImageClassifier(encoder).fit(texts, pd.DataFrame(Y, columns=scenes.label_names))


@pytest.fixture(scope="module")
def frozen(clf):
    return FrozenEstimator(clf)


@pytest.fixture(scope="module")
def data():
    return make_multilabel_classification(200, n_classes=4, random_state=0)


def one_vs_rest():
    return OneVsRestClassifier(LogisticRegression())


def micro(Y, predicted):
    return f1_score(Y, predicted, average="micro")


def all_cuts(targets, scores):
    """(F1, cut) of every cut, by counting."""
    ordered = np.sort(scores)
    cuts = np.r_[ordered[0] - 1, (ordered[1:] + ordered[:-1]) / 2]
    counts = [(targets[scores > c].sum(), (scores > c).sum()) for c in cuts]
    return [(2 * tp / (n + targets.sum()), c) for (tp, n), c in zip(counts, cuts)]


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_best_cut_equals_trying_all(kind):
    for _ in range(20):
        scores = RNG.normal(size=30)
        chance = 1 / (1 + np.exp(-scores))
        targets = chance if kind == "probabilities" else (RNG.random(30) < chance).astype(float)
        f1 = dict((cut, value) for value, cut in all_cuts(targets, scores))
        cut = best_cut(targets, scores)
        assert f1[min(f1, key=lambda c: abs(c - cut))] == pytest.approx(max(f1.values()))
        if kind == "probabilities":  # the best cut lies at half of the best F1
            chosen = chance[scores > cut]
            assert chance[scores <= cut].max() <= max(f1.values()) / 2 <= chosen.min()


def test_better_than_one_half_without_labels(frozen, clf, image_embeddings, scenes):
    tuned = MultiLabelThresholdClassifier(frozen).fit(image_embeddings[:200])
    test, Y = image_embeddings[200:], scenes.Y[200:]
    assert micro(Y, tuned.predict(test)) > micro(Y, clf.predict(test)) + 0.01
    assert (tuned.thresholds_ == tuned.shared_threshold_).all()
    assert tuned.n_positives_ is None
    # the expected F1 of the probabilities
    proba = clf.predict_proba(image_embeddings[:200])
    named = proba > tuned.shared_threshold_
    expected = 2 * proba[named].sum() / (named.sum() + proba.sum())
    assert tuned.best_score_ == pytest.approx(expected)
    assert tuned.shared_threshold_ == pytest.approx(expected / 2, abs=0.01)


def test_better_than_one_half_with_few_labels(frozen, clf, image_embeddings, scenes):
    test, Y = image_embeddings[25:], scenes.Y[25:]
    tuned = MultiLabelThresholdClassifier(frozen).fit(image_embeddings[:25], scenes.Y[:25])
    alone = MultiLabelThresholdClassifier(frozen, shrinkage=0, plug_in_weight=0)
    alone.fit(image_embeddings[:25], scenes.Y[:25])
    assert micro(Y, tuned.predict(test)) > micro(Y, clf.predict(test)) + 0.01
    # few positives overfit
    assert alone.best_score_ > tuned.best_score_
    assert micro(Y, tuned.predict(test)) > micro(Y, alone.predict(test))
    assert tuned.best_score_ == pytest.approx(
        micro(scenes.Y[:25], tuned.predict(image_embeddings[:25]))
    )


def test_shrinkage_by_hand():
    class Scores(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.arange(y.shape[1])
            return self

        def decision_function(self, X):
            return np.asarray(X)

    X = np.array([[3.0, 1.0, 0.0], [2.0, 0.0, 1.0], [1.0, 2.0, 2.0], [0.0, 3.0, 3.0]])
    Y = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]])
    estimator = FrozenEstimator(Scores().fit(X, Y))
    tuned = MultiLabelThresholdClassifier(estimator, shrinkage=2).fit(X, Y)
    shared = best_cut(Y.ravel(), X.ravel())
    assert tuned.shared_threshold_ == shared
    own = [0.5, 2.5]
    expected = [(3 * own[0] + 2 * shared) / 5, (own[1] + 2 * shared) / 3, shared]
    np.testing.assert_allclose(tuned.thresholds_, expected)
    assert tuned.n_positives_.tolist() == [3, 1, 0]
    alone = MultiLabelThresholdClassifier(estimator, shrinkage=0).fit(X, Y)
    np.testing.assert_allclose(alone.thresholds_, [*own, shared])
    same = MultiLabelThresholdClassifier(estimator, shrinkage=np.inf).fit(X, Y)
    np.testing.assert_array_equal(same.thresholds_, [shared] * 3)
    np.testing.assert_array_equal(alone.predict(X)[:, :2], Y[:, :2])


def test_weight_of_the_probabilities(frozen, image_embeddings, scenes):
    X, Y = image_embeddings[:30], scenes.Y[:30]
    by_proba = MultiLabelThresholdClassifier(frozen).fit(X).shared_threshold_
    by_labels, between, nearly = (
        MultiLabelThresholdClassifier(frozen, plug_in_weight=w).fit(X, Y).shared_threshold_
        for w in (0, 50, 1e9)
    )
    assert nearly == pytest.approx(by_proba)
    assert min(by_labels, by_proba) < between < max(by_labels, by_proba)
    # no positives at all: nothing but the probabilities is known
    none = MultiLabelThresholdClassifier(frozen).fit(X, np.zeros_like(Y))
    np.testing.assert_allclose(none.thresholds_, by_proba)


def test_unknown_labels_are_left_out(frozen, image_embeddings, scenes):
    X, Y = image_embeddings[:60], scenes.Y[:60].astype(int)
    Y = np.where(np.arange(20) < 10, Y, -1)
    tuned = MultiLabelThresholdClassifier(frozen, plug_in_weight=0).fit(X, Y)
    scores = frozen.predict_proba(X)[:, :10]
    np.testing.assert_allclose(
        best_cut(Y[:, :10].ravel(), np.log(scores / (1 - scores)).ravel()),
        np.log(tuned.shared_threshold_ / (1 - tuned.shared_threshold_)),
        rtol=1e-4,
    )
    np.testing.assert_array_equal(tuned.thresholds_[10:], tuned.shared_threshold_)
    assert (tuned.n_positives_[10:] == 0).all()


def test_passes_through(frozen, clf, image_embeddings, scenes):
    tuned = MultiLabelThresholdClassifier(frozen).fit(scenes.images[:40], scenes.Y[:40])
    on_embeddings = MultiLabelThresholdClassifier(frozen)
    on_embeddings.fit(image_embeddings[:40], scenes.Y[:40])
    np.testing.assert_allclose(tuned.thresholds_, on_embeddings.thresholds_, atol=1e-5)
    X = scenes.images[40:50]
    np.testing.assert_array_equal(tuned.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(tuned.decision_function(X), clf.decision_function(X))
    np.testing.assert_array_equal(tuned.predict(iter(X)), clf.predict_proba(X) > tuned.thresholds_)
    np.testing.assert_array_equal(tuned.classes_, scenes.label_names)
    assert tuned.n_features_in_ == 256
    rest = image_embeddings[40:], scenes.Y[40:]
    assert tuned.score(*rest) == clf.score(*rest)
    names = tuned.inverse_transform(tuned.predict(X))
    assert set().union(*names) <= set(scenes.label_names)
    assert tuned.predict_top_k(X[:1], 1) == clf.predict_top_k(X[:1], 1)
    assert FrozenEstimator(clf).estimator is tuned.estimator_.estimator


def test_clone_and_pickle(frozen, image_embeddings, scenes):
    tuned = MultiLabelThresholdClassifier(frozen, shrinkage=3).fit(image_embeddings[:40])
    again = pickle.loads(pickle.dumps(tuned))
    np.testing.assert_array_equal(again.predict(image_embeddings), tuned.predict(image_embeddings))
    fresh = clone(tuned)
    assert fresh.get_params() == tuned.get_params()
    assert not hasattr(fresh, "thresholds_")


def test_in_a_search(frozen, image_embeddings, scenes):
    search = GridSearchCV(
        MultiLabelThresholdClassifier(frozen),
        {"shrinkage": [0, 16, np.inf]},
        scoring="f1_micro",
        cv=3,
        error_score="raise",
    )
    search.fit(image_embeddings, scenes.Y)
    assert search.best_params_["shrinkage"] > 0
    on_images = clone(search).set_params(cv=2).fit(scenes.images[:60], scenes.Y[:60])
    assert on_images.predict(scenes.images[:3]).shape == (3, 20)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.coo_array, "frame"])
def test_cross_validates_what_is_not_frozen(data, kind):
    X, Y = data
    y = pd.DataFrame(Y, columns=list("abcd")) if kind == "frame" else kind(Y)
    estimator = RandomForestClassifier(20, random_state=0) if kind == "frame" else one_vs_rest()
    tuned = MultiLabelThresholdClassifier(estimator, cv=KFold(3), shrinkage=0, plug_in_weight=0)
    tuned.fit(X, y)
    assert tuned.predict(X).shape == Y.shape
    if kind == "frame":
        assert tuned.classes_.tolist() == list("abcd")
        assert tuned.best_score_ < micro(Y, tuned.predict(X))  # scored on what was held out
        return
    parts = []
    for train, test in KFold(3).split(X):
        parts.append(one_vs_rest().fit(X[train], Y[train]).predict_proba(X[test]))
    logits = np.log(np.concatenate(parts) / (1 - np.concatenate(parts)))
    expected = [best_cut(Y[:, k], logits[:, k]) for k in range(4)]
    np.testing.assert_allclose(tuned.thresholds_, 1 / (1 + np.exp(-np.array(expected))))
    np.testing.assert_array_equal(
        tuned.predict_proba(X), one_vs_rest().fit(X, Y).predict_proba(X)
    )


@pytest.mark.filterwarnings("ignore:.* labels have no positive item")
def test_lists_are_cross_validated(encoder, corpus):
    texts, Y = corpus[0][:100], np.asarray(corpus[1][:100])
    tuned = MultiLabelThresholdClassifier(TextAsImageClassifier(encoder), cv=2)
    tuned.fit(iter(texts), Y.tolist())
    assert micro(Y, tuned.predict(texts)) > tuned.best_score_ > 0.3


def test_without_probabilities(data):
    X, Y = data
    ridge = FrozenEstimator(RidgeClassifier().fit(X, Y))
    tuned = MultiLabelThresholdClassifier(ridge).fit(X, Y)
    assert micro(Y, tuned.predict(X)) >= micro(Y, ridge.predict(X))
    assert not hasattr(tuned, "predict_proba")
    with pytest.raises(ValueError, match="needs predict_proba"):
        MultiLabelThresholdClassifier(ridge).fit(X)
    with pytest.raises(ValueError, match="has no predict_proba"):
        MultiLabelThresholdClassifier(ridge, response_method="predict_proba").fit(X, Y)


@pytest.mark.filterwarnings("ignore:.* images could not be read")
def test_images_that_cannot_be_read(clf, scenes, tmp_path):
    lenient = pickle.loads(pickle.dumps(clf))
    lenient.encoder_.set_params(on_error="nan")
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    images, Y = scenes.images[:20], scenes.Y[:20]
    tuned = MultiLabelThresholdClassifier(FrozenEstimator(lenient))
    expected = clone(tuned).fit(images, Y).thresholds_
    tuned.fit([*images, bad], np.vstack([Y, Y[:1]]))
    np.testing.assert_allclose(tuned.thresholds_, expected)
    predicted = tuned.predict([images[0], bad])
    assert set(predicted[1]) == {-1}
    assert tuned.inverse_transform(predicted)[1] is None
    assert tuned.predict_top_k([bad]) == [None]
    with pytest.raises(ValueError, match="no image that could be read"):
        tuned.fit([bad])


@pytest.mark.parametrize(
    ("params", "X", "y", "message"),
    [
        ({"shrinkage": -1}, 9, 9, "'shrinkage' parameter"),
        ({"response_method": "predict"}, 9, 9, "'response_method' parameter"),
        ({"plug_in_weight": 0}, 9, "none", "y has no 1 at all"),
        ({}, 9, 8, "X has 9 items but y has 8 rows"),
        ({}, 9, "narrow", "y has 19 columns but the estimator scores 20 labels"),
        ({}, 9, "order", "in the order of the estimator"),
        ({}, 9, "two", r"y\[0, 0\] is 2"),
    ],
)
def test_bad_input(frozen, image_embeddings, scenes, params, X, y, message):
    Y = scenes.Y
    y = {
        "none": np.zeros((9, 20)),
        "narrow": Y[:9, :19],
        "order": pd.DataFrame(Y[:9], columns=scenes.label_names[::-1]),
        "two": np.full((9, 20), 2),
    }.get(y, Y[: y if isinstance(y, int) else 9])
    with pytest.raises(ValueError, match=message):
        MultiLabelThresholdClassifier(frozen, **params).fit(image_embeddings[:X], y)


def test_bad_estimator(data):
    X, Y = data
    with pytest.raises(ValueError, match="'estimator' parameter"):
        MultiLabelThresholdClassifier(KFold()).fit(X, Y)
    with pytest.raises(ValueError, match="FrozenEstimator"):
        MultiLabelThresholdClassifier(one_vs_rest()).fit(X)
