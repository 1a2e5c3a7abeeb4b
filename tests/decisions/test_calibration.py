import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier

from sklearn_tai.decisions import MultiLabelCalibratedClassifier, MultiLabelThresholdClassifier
from sklearn_tai.metrics import expected_calibration_error


@pytest.fixture(scope="module")
def clf(default_clf):
    return default_clf


@pytest.fixture(scope="module")
def calibrated(clf, image_embeddings, scenes):
    calibrated = MultiLabelCalibratedClassifier(FrozenEstimator(clf))
    return calibrated.fit(image_embeddings[:50], scenes.Y[:50])


def test_better_on_other_images(calibrated, clf, image_embeddings, scenes):
    X, Y = image_embeddings[50:], scenes.Y[50:]
    before, after = clf.predict_proba(X), calibrated.predict_proba(X)
    assert expected_calibration_error(Y, after) < expected_calibration_error(Y, before)
    assert log_loss(Y.ravel(), after.ravel()) < log_loss(Y.ravel(), before.ravel())
    assert calibrated.score(X, Y) == pytest.approx(clf.score(X, Y), abs=1e-9)


def test_by_hand(calibrated, clf, image_embeddings, scenes):
    X, Y = image_embeddings[:50], scenes.Y[:50]
    logits = clf.decision_function(X).astype(float)
    shared = LogisticRegression().fit(logits.reshape(-1, 1), Y.ravel())
    assert calibrated.slope_ == pytest.approx(shared.coef_[0, 0], rel=1e-4)
    assert calibrated.intercept_ == pytest.approx(shared.intercept_[0], rel=1e-4)
    expected = shared.predict_proba(logits.reshape(-1, 1))[:, 1].reshape(Y.shape).sum(axis=0)
    offsets = np.log((Y.sum(axis=0) + 4) / (expected + 4))
    np.testing.assert_allclose(calibrated.offsets_, offsets, atol=1e-3)
    own = calibrated.slope_ * logits + calibrated.intercept_ + calibrated.offsets_
    np.testing.assert_allclose(calibrated.decision_function(X), own)
    np.testing.assert_allclose(calibrated.predict_proba(X), 1 / (1 + np.exp(-own)))
    np.testing.assert_array_equal(calibrated.predict(X), own > 0)


def test_shrinkage(calibrated, clf, image_embeddings, scenes):
    strengths = [1, 4, 100, np.inf]
    sizes = []
    for strength in strengths:
        own = clone(calibrated).set_params(shrinkage=strength)
        sizes.append(np.abs(own.fit(image_embeddings[:50], scenes.Y[:50]).offsets_).max())
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 0 < sizes[-2]


def test_unknown_labels_are_left_out(clf, image_embeddings, scenes):
    X, Y = image_embeddings[:60], scenes.Y[:60].astype(int)
    unknown = np.random.default_rng(0).random(Y.shape) < 0.3
    unknown[:, 3] = True
    calibrated = MultiLabelCalibratedClassifier(FrozenEstimator(clf)).fit(
        X, np.where(unknown, -1, Y)
    )
    logits = clf.decision_function(X)[~unknown]
    shared = LogisticRegression().fit(logits.reshape(-1, 1), Y[~unknown])
    assert calibrated.slope_ == pytest.approx(shared.coef_[0, 0], rel=1e-3)
    assert calibrated.offsets_[3] == 0


def test_lists_of_images(calibrated, clf, scenes):
    on_images = clone(calibrated).fit(scenes.images[:50], scenes.Y[:50])
    regions = clf.encoder_.transform_regions(scenes.images[:50])
    on_regions = clone(calibrated).fit(regions, scenes.Y[:50])
    assert on_images.slope_ == pytest.approx(on_regions.slope_, rel=1e-3)
    np.testing.assert_array_equal(on_images.classes_, scenes.label_names)
    expected = on_images.predict_proba(scenes.images[:3])
    np.testing.assert_allclose(on_images.predict_proba(iter(scenes.images[:3])), expected)


def test_probabilities_only():
    X, Y = make_multilabel_classification(300, n_classes=3, random_state=0)
    neighbors = KNeighborsClassifier(3)
    calibrated = MultiLabelCalibratedClassifier(neighbors, cv=3, shrinkage=np.inf).fit(X, Y)
    assert calibrated.classes_.tolist() == [0, 1, 2]
    # three neighbors are overconfident, as held-out items show
    held_out = np.stack(cross_val_predict(neighbors, X, Y, cv=3, method="predict_proba"))
    held_out = held_out[:, :, 1].T
    logits = np.log(np.clip(held_out, 1e-7, 1 - 1e-7) / np.clip(1 - held_out, 1e-7, 1))
    shared = LogisticRegression().fit(logits.reshape(-1, 1), Y.ravel())
    assert calibrated.slope_ == pytest.approx(shared.coef_[0, 0], rel=1e-3)
    assert calibrated.slope_ < 0.5
    assert np.isfinite(calibrated.decision_function(X)).all()


def test_thresholds_on_top(calibrated, clf, image_embeddings, scenes):
    X, Y = image_embeddings[50:], scenes.Y[50:]
    tuned = MultiLabelThresholdClassifier(FrozenEstimator(calibrated)).fit(X)
    np.testing.assert_array_equal(tuned.predict_proba(X), calibrated.predict_proba(X))
    assert f1_score(Y, tuned.predict(X), average="micro") > f1_score(
        Y, clf.predict_proba(X) > 0.5, average="micro"
    )


def test_clone_pickle_and_search(calibrated, clf, image_embeddings, scenes):
    again = pickle.loads(pickle.dumps(calibrated))
    expected = calibrated.predict_proba(image_embeddings)
    np.testing.assert_array_equal(again.predict_proba(image_embeddings), expected)
    assert clone(calibrated).get_params() == calibrated.get_params()
    search = GridSearchCV(
        MultiLabelCalibratedClassifier(FrozenEstimator(clf)),
        {"shrinkage": [1, 4]},
        scoring=lambda est, X, y: -expected_calibration_error(y, est.predict_proba(X)),
        cv=2,
        error_score="raise",
    )
    assert -0.1 < search.fit(image_embeddings, scenes.Y).best_score_ < 0


def test_bad_input(clf, image_embeddings, scenes):
    X, Y = image_embeddings[:30], scenes.Y[:30]
    calibrated = MultiLabelCalibratedClassifier(FrozenEstimator(clf))
    with pytest.raises(ValueError, match="y to be passed, but the target y is None"):
        calibrated.fit(X, None)
    with pytest.raises(ValueError, match="y must have a 1 and a 0"):
        calibrated.fit(X, np.zeros_like(Y))
    with pytest.raises(ValueError, match="would be reversed"):
        calibrated.fit(X, 1 - Y)
    with pytest.raises(ValueError, match="but the estimator scores 20 labels"):
        calibrated.fit(X, Y[:, :3])
    with pytest.raises(ValueError, match="'shrinkage' parameter"):
        clone(calibrated).set_params(shrinkage=0).fit(X, Y)


def test_no_probabilities():
    X, Y = make_multilabel_classification(n_classes=3, random_state=0)

    class Wrong(OneVsRestClassifier):
        decision_function = None

        def predict_proba(self, X):
            return 2 * super().predict_proba(X)

    del Wrong.decision_function
    frozen = FrozenEstimator(Wrong(LogisticRegression()).fit(X, Y))
    with pytest.raises(ValueError, match="outside of 0 to 1"):
        MultiLabelThresholdClassifier(frozen).fit(X, Y)


def test_one_label_only():
    X, Y = make_multilabel_classification(n_classes=3, random_state=0)
    frozen = FrozenEstimator(LogisticRegression().fit(X, Y[:, 0]))
    with pytest.raises(ValueError, match=r"scores have shape \(100,\).*Give a multi-label"):
        MultiLabelCalibratedClassifier(frozen).fit(X, Y[:, :1])
