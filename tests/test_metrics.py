import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier

from sklearn_tai.metrics import (
    expected_calibration_error,
    label_average_precisions,
    label_scores,
    map_scorer,
    mean_average_precision,
)


def test_by_hand():
    # ranks of the positives: label 0 at 1 and 3, label 1 at 2
    y_true = [[1, 0], [0, 1], [1, 0]]
    y_score = [[0.9, 0.9], [0.5, 0.6], [0.3, 0.1]]
    assert mean_average_precision(y_true, y_score) == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)


def test_equals_scikit_learn():
    rng = np.random.default_rng(0)
    y_true, y_score = rng.integers(0, 2, (50, 7)), rng.random((50, 7))
    expected = average_precision_score(y_true, y_score, average="macro")
    assert mean_average_precision(y_true, y_score) == pytest.approx(expected)


def test_label_average_precisions():
    y_true = np.array([[1, 0, 0, 1], [0, 1, 0, -1], [1, 0, 0, 0]])
    y_score = [[0.9, 0.9, 0.1, 0.5], [0.5, 0.6, 0.2, 0.9], [0.3, 0.1, 0.3, 0.1]]
    precisions = label_average_precisions(y_true, y_score)
    np.testing.assert_allclose(precisions, [(1 + 2 / 3) / 2, 1 / 2, np.nan, 1])
    with pytest.warns(UndefinedMetricWarning, match="columns 2"):
        assert mean_average_precision(y_true, y_score) == np.nanmean(precisions)


def test_scores_of_the_requested_method():
    X, Y = make_multilabel_classification(random_state=0)
    clf = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    np.testing.assert_array_equal(label_scores(clf, X), clf.decision_function(X))
    scores = label_scores(clf, X, ("predict_proba", "decision_function"))
    np.testing.assert_array_equal(scores, clf.predict_proba(X))


def test_unknown_entries_are_left_out():
    y_true = np.array([[1], [-1], [0]])
    assert mean_average_precision(y_true, [[0.5], [0.9], [0.1]]) == 1


def test_labels_without_positives():
    with pytest.warns(UndefinedMetricWarning, match=r"1 of 2 labels.*columns 1\)"):
        assert mean_average_precision([[1, 0], [0, 0]], [[0.9, 0.1], [0.1, 0.2]]) == 1
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(mean_average_precision([[0]], [[0.5]]))


@pytest.mark.parametrize(
    ("y_true", "y_score", "message"),
    [
        ([1, 0], [0.5, 0.5], "n_samples, n_labels"),
        ([[1, 0]], [[0.5]], r"\(1, 2\) and y_score \(1, 1\)"),
        ([[2]], [[0.5]], "must hold only"),
        ([[1]], [[np.nan]], "NaN or infinity"),
    ],
)
def test_bad_input(y_true, y_score, message):
    with pytest.raises(ValueError, match=message):
        mean_average_precision(y_true, y_score)


@pytest.mark.parametrize("n_labels", [2, 4])
def test_scorer(n_labels):
    X, Y = make_multilabel_classification(n_classes=n_labels, random_state=0)
    search = GridSearchCV(
        MLPClassifier((8,), max_iter=20, random_state=0),
        {"alpha": [1, 2]},
        scoring=map_scorer,
        cv=2,
    )
    with pytest.warns(match="Maximum iterations"):
        search.fit(X, Y)
    proba = search.best_estimator_.predict_proba(X)
    assert map_scorer(search.best_estimator_, X, Y) == mean_average_precision(Y, proba)
    forest = RandomForestClassifier(5, random_state=0).fit(X, Y)  # a list of arrays
    assert 0.5 < map_scorer(forest, X, Y) <= 1


def test_forest_that_never_saw_a_label():
    X, Y = make_multilabel_classification(n_classes=3, random_state=0)
    unseen = Y.copy()
    unseen[:, 1] = 0
    forest = RandomForestClassifier(5, random_state=0).fit(X, unseen)
    assert (label_scores(forest, X)[:, 1] == 0).all()
    assert 0.5 < map_scorer(forest, X, Y) <= 1


def test_calibration_error_by_hand():
    # bins [0, 0.5] and (0.5, 1]: means 0.3 and 0.9, shares of positives 1/3 and 1/2
    y_true = [[1, 0], [0, 1], [-1, 0]]
    y_proba = [[0.8, 0.2], [0.3, 0.4], [0.9, 1.0]]
    expected = (3 * abs(1 / 3 - 0.3) + 2 * abs(1 / 2 - 0.9)) / 5
    assert expected_calibration_error(y_true, y_proba, n_bins=2) == pytest.approx(expected)
    # the median, 0.4, is in the lower bin
    error = expected_calibration_error(y_true, y_proba, n_bins=2, strategy="quantile")
    assert error == pytest.approx(expected)


def test_calibration_error_of_true_probabilities():
    rng = np.random.default_rng(0)
    proba = rng.random((20000, 5))
    Y = rng.random(proba.shape) < proba
    for strategy in ("uniform", "quantile"):
        assert expected_calibration_error(Y, proba, strategy=strategy) < 0.01
        assert expected_calibration_error(Y, proba**2, strategy=strategy) > 0.1
    assert expected_calibration_error([[0, 1]], [[0, 1]]) == 0
    assert expected_calibration_error([[0, 1]], [[1, 0]], n_bins=1) == 0
    assert expected_calibration_error([[0, 1]], [[1, 0]], n_bins=2) == 1


@pytest.mark.parametrize(
    ("y_true", "y_proba", "params", "message"),
    [
        ([[1, 0]], [[0.5]], {}, r"\(1, 2\) and y_score \(1, 1\)"),
        ([[1, 0]], [[-3.0, 2.0]], {}, "outside of 0 to 1"),
        ([[1, 0]], [[np.nan, 0.5]], {}, "NaN or infinity"),
        ([[-1, -1]], [[0.5, 0.5]], {}, "no known entry"),
        ([[1, 0]], [[0.5, 0.5]], {"n_bins": 0}, "n_bins"),
        ([[1, 0]], [[0.5, 0.5]], {"strategy": "kmeans"}, "strategy must be"),
    ],
)
def test_bad_probabilities(y_true, y_proba, params, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(y_true, y_proba, **params)
