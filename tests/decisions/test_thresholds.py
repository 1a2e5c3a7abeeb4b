import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier

from sklearn_tai import KernelAdapter, MLPAdapter, TextAsImageClassifier
from sklearn_tai.decisions import MultiLabelCalibratedClassifier, MultiLabelThresholdClassifier
from sklearn_tai.decisions._cuts import best_cut
from sklearn_tai.model_selection import CrossModalSplit

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def clf(default_clf):
    return default_clf


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
    """(F1, cut) for every possible cut, by counting."""
    ordered = np.sort(scores)
    cuts = np.r_[ordered[0] - 1, (ordered[1:] + ordered[:-1]) / 2]
    counts = [(targets[scores > c].sum(), (scores > c).sum()) for c in cuts]
    return [(2 * tp / (n + targets.sum()), c) for (tp, n), c in zip(counts, cuts)]


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_best_cut_equals_trying_all(kind):
    for _ in range(20):
        scores = RNG.normal(size=30)
        chance = expit(scores)
        targets = chance if kind == "probabilities" else (RNG.random(30) < chance).astype(float)
        f1 = dict((cut, value) for value, cut in all_cuts(targets, scores))
        cut = best_cut(targets, scores)
        assert f1[min(f1, key=lambda c: abs(c - cut))] == pytest.approx(max(f1.values()))
        if kind == "probabilities":  # the best cut is half of the best F1
            chosen = chance[scores > cut]
            assert chance[scores <= cut].max() <= max(f1.values()) / 2 <= chosen.min()


def test_better_than_one_half_without_labels(frozen, clf, image_embeddings, scenes):
    tuned = MultiLabelThresholdClassifier(frozen).fit(image_embeddings[:200])
    test, Y = image_embeddings[200:], scenes.Y[200:]
    assert micro(Y, tuned.predict(test)) > micro(Y, clf.predict_proba(test) > 0.5) + 0.01
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
    alone = MultiLabelThresholdClassifier(frozen, shrinkage=0)
    alone.fit(image_embeddings[:25], scenes.Y[:25])
    assert micro(Y, tuned.predict(test)) > micro(Y, clf.predict_proba(test) > 0.5) + 0.01
    # few positives overfit
    assert alone.best_score_ > tuned.best_score_
    assert micro(Y, tuned.predict(test)) > micro(Y, alone.predict(test))
    assert tuned.best_score_ == pytest.approx(
        micro(scenes.Y[:25], tuned.predict(image_embeddings[:25]))
    )


def test_cuts_by_hand(frozen, clf, image_embeddings, scenes):
    X, Y = image_embeddings[:60], scenes.Y[:60].astype(int)
    Y[:, 3], Y[:, 7] = 0, -1
    tuned = [MultiLabelThresholdClassifier(frozen, shrinkage=m).fit(X, Y) for m in (np.inf, 0, 10)]
    implied, alone, between = (logit(t.thresholds_) for t in tuned)
    # the cuts implied by the calibrated probabilities
    calibrated = FrozenEstimator(MultiLabelCalibratedClassifier(frozen).fit(X, Y))
    on_top = MultiLabelThresholdClassifier(calibrated).fit(X)
    np.testing.assert_array_equal(on_top.predict(X), tuned[0].predict(X))
    # without known entries a label has no offset
    shared = logit(tuned[0].shared_threshold_)
    assert implied[7] == pytest.approx(shared, rel=1e-5)
    assert implied[3] > shared  # positives were expected, but there are none
    # each label's own cut
    n_positives = (Y == 1).sum(axis=0)
    np.testing.assert_array_equal(tuned[1].n_positives_, n_positives)
    scores = clf.decision_function(X).astype(float)
    own = [best_cut(Y[:, k], scores[:, k]) if n_positives[k] else implied[k] for k in range(20)]
    np.testing.assert_allclose(alone, own, rtol=1e-3)
    expected = (n_positives * alone + 10 * implied) / (n_positives + 10)
    np.testing.assert_allclose(between, expected, rtol=1e-5)


def test_unknown_labels_are_left_out(frozen, image_embeddings, scenes):
    X, Y = image_embeddings[:60], scenes.Y[:60].astype(int)
    unknown = np.random.default_rng(0).random(Y.shape) < 0.3
    first = MultiLabelThresholdClassifier(frozen).fit(X, np.where(unknown, -1, Y))
    assert first.n_positives_.tolist() == ((Y == 1) & ~unknown).sum(axis=0).tolist()
    known = ~unknown
    predicted = first.predict(X)
    assert first.best_score_ == pytest.approx(f1_score(Y[known], predicted[known]))


def test_passes_through(frozen, clf, image_embeddings, scenes):
    tuned = MultiLabelThresholdClassifier(frozen).fit(scenes.images[:40], scenes.Y[:40])
    on_embeddings = MultiLabelThresholdClassifier(frozen)
    on_embeddings.fit(clf.encoder_.transform_regions(scenes.images[:40]), scenes.Y[:40])
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
        {"shrinkage": [0, 128, np.inf]},
        scoring="f1_micro",
        cv=3,
        error_score="raise",
    )
    search.fit(image_embeddings, scenes.Y)
    assert search.best_params_["shrinkage"] > 0
    on_images = clone(search).set_params(cv=2).fit(scenes.images[:60], scenes.Y[:60])
    assert on_images.predict(scenes.images[:3]).shape == (3, 20)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.coo_array, "frame"])
def test_unfrozen_estimators_are_cross_validated(data, kind):
    X, Y = data
    y = pd.DataFrame(Y, columns=list("abcd")) if kind == "frame" else kind(Y)
    estimator = RandomForestClassifier(20, random_state=0) if kind == "frame" else one_vs_rest()
    tuned = MultiLabelThresholdClassifier(estimator, cv=KFold(3), shrinkage=0)
    tuned.fit(X, y)
    assert tuned.predict(X).shape == Y.shape
    if kind == "frame":
        assert tuned.classes_.tolist() == list("abcd")
        assert tuned.best_score_ < micro(Y, tuned.predict(X))  # scored on what was held out
        return
    parts = []
    for train, test in KFold(3).split(X):
        parts.append(one_vs_rest().fit(X[train], Y[train]).predict_proba(X[test]))
    logits = logit(np.concatenate(parts))
    expected = [best_cut(Y[:, k], logits[:, k]) for k in range(4)]
    np.testing.assert_allclose(tuned.thresholds_, expit(expected))
    np.testing.assert_array_equal(tuned.predict_proba(X), one_vs_rest().fit(X, Y).predict_proba(X))


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


def test_precision_on_request(frozen, image_embeddings, scenes):
    X, Y = image_embeddings[:200], scenes.Y[:200]
    reached = []
    for precision in (0.5, 0.7, 0.9):
        sure = MultiLabelThresholdClassifier(frozen, precision=precision).fit(X, Y)
        named = sure.predict(image_embeddings[200:])
        reached.append(scenes.Y[200:][named == 1].mean())
        assert abs(sure.precision_ - reached[-1]) < 0.1  # the estimate is close
        assert 0 < sure.n_named_ < Y.sum()
        # the same as cutting calibrated probabilities at the precision
        calibrated = MultiLabelCalibratedClassifier(frozen, threshold=precision).fit(X, Y)
        np.testing.assert_array_equal(named, calibrated.predict(image_embeddings[200:]))
    assert reached == sorted(reached)
    assert reached[-1] > 0.8
    assert sure.set_params(precision=None).fit(X, Y).precision_ is None


def test_precision_by_hand(data):
    X, Y = data
    ridge = FrozenEstimator(RidgeClassifier().fit(X, Y))
    unknown = RNG.random(Y.shape) < 0.2
    labels = np.where(unknown, -1, Y)
    sure = MultiLabelThresholdClassifier(ridge, precision=0.8).fit(X, labels)
    right = named = 0
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        part = clone(sure).fit(X[train], labels[train])
        found = (part.predict(X[test]) == 1) & ~unknown[test]
        right, named = right + Y[test][found].sum(), named + found.sum()
    assert (sure.precision_, sure.n_named_) == (right / named, named)


def test_unreachable_precision_names_nothing():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(200, 4)), rng.integers(2, size=(200, 3))
    Y[:, 0] |= X[:, 0] > 0.5  # one label can be learnt a little
    clf = FrozenEstimator(one_vs_rest().fit(X, Y))
    sure = MultiLabelThresholdClassifier(clf, precision=0.999).fit(X, Y)
    assert not sure.predict(X).any()
    assert np.isnan(sure.precision_)
    assert sure.n_named_ == 0


@pytest.mark.parametrize(
    ("params", "X", "y", "message"),
    [
        ({"shrinkage": -1}, 9, 9, "'shrinkage' parameter"),
        ({"precision": 1.5}, 9, 9, "'precision' parameter"),
        ({"response_method": "predict"}, 9, 9, "'response_method' parameter"),
        ({}, 9, "none", "y must have a 1 and a 0"),
        ({}, 9, 8, "X has 9 items but y has 8 rows"),
        ({}, 9, "narrow", "y has 19 columns but the estimator scores 20 labels"),
        ({}, 9, "order", "in the order of the estimator"),
        ({}, 9, "inverted", "do not score higher than negatives"),
        ({}, 9, "two", r"y\[0, 0\] is 2"),
    ],
)
def test_bad_input(frozen, image_embeddings, scenes, params, X, y, message):
    Y = scenes.Y
    y = {
        "inverted": 1 - Y[:9],
        "none": np.zeros((9, 20)),
        "narrow": Y[:9, :19],
        "order": pd.DataFrame(Y[:9], columns=scenes.label_names[::-1]),
        "two": np.full((9, 20), 2),
    }.get(y, Y[: y if isinstance(y, int) else 9])
    with pytest.raises(ValueError, match=message):
        MultiLabelThresholdClassifier(frozen, **params).fit(image_embeddings[:X], y)


def test_precision_takes_labels(frozen, image_embeddings):
    with pytest.raises(ValueError, match=r"precision takes labelled items\. Pass y"):
        MultiLabelThresholdClassifier(frozen, precision=0.9).fit(image_embeddings)


def test_bad_estimator(data):
    X, Y = data
    with pytest.raises(ValueError, match="'estimator' parameter"):
        MultiLabelThresholdClassifier(KFold()).fit(X, Y)
    with pytest.raises(ValueError, match="FrozenEstimator"):
        MultiLabelThresholdClassifier(one_vs_rest()).fit(X)


def test_images_among_texts_are_cross_validated(scenes, corpus, encoder):
    texts, Y = corpus
    X, both = [*texts, *scenes.images[:40]], np.vstack([Y, scenes.Y[:40]])
    clf = TextAsImageClassifier(encoder, region_weight=0)
    tuned = MultiLabelThresholdClassifier(clf).fit(X, both)
    split = CrossModalSplit(5, train_images=True, random_state=0)
    again = MultiLabelThresholdClassifier(clf, cv=split).fit(X, both)
    np.testing.assert_array_equal(tuned.thresholds_, again.thresholds_)
    assert (tuned.n_positives_ == scenes.Y[:40].sum(axis=0)).all()  # only the images count


@pytest.mark.parametrize("adapter", ["kernel", "network"])
def test_images_that_a_frozen_classifier_has_learnt_are_refused(scenes, corpus, encoder, adapter):
    texts, Y = corpus
    X, both = [*texts, *scenes.images[:10]], np.vstack([Y, scenes.Y[:10]])
    clf = TextAsImageClassifier(encoder, center=True)
    clf.set_params(adapter=KernelAdapter() if adapter == "kernel" else MLPAdapter(max_epochs=1))
    calibrated = MultiLabelCalibratedClassifier(FrozenEstimator(clf.fit(X, both)))
    if adapter == "network":  # it does not store its items
        assert not clf.has_learnt(X).any()
        return
    np.testing.assert_array_equal(clf.has_learnt(scenes.images[5:15]), np.arange(5, 15) < 10)
    assert clf.has_learnt(texts[:5]).all()
    assert not clf.has_learnt(["no such text"]).any()
    embeddings = encoder.transform(scenes.images)
    calibrated.fit(embeddings[10:60], scenes.Y[10:60])
    tuned = MultiLabelThresholdClassifier(FrozenEstimator(calibrated))
    for post_hoc in (calibrated, tuned):
        with pytest.raises(ValueError, match="X contains 2 items that the estimator was"):
            post_hoc.fit(embeddings[8:60], scenes.Y[8:60])
    tuned.fit(embeddings)  # without labels, learnt items do no harm
