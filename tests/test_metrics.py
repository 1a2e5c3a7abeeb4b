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


def test_scores_of_the_wanted_method():
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
