import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import sparse
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier

from sklearn_tai import ZeroShotClassifier
from sklearn_tai.inspection import ReliabilityDisplay
from sklearn_tai.metrics import expected_calibration_error

matplotlib.use("agg")

RNG = np.random.default_rng(0)
PROBA = RNG.random((60, 4))
Y = (RNG.random(PROBA.shape) < PROBA**2).astype(int)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_curve_of_scikit_learn(strategy):
    display = ReliabilityDisplay.from_predictions(Y, PROBA, n_bins=7, strategy=strategy)
    prob_true, prob_pred = calibration_curve(Y.ravel(), PROBA.ravel(), n_bins=7, strategy=strategy)
    np.testing.assert_allclose(display.prob_true, prob_true)
    np.testing.assert_allclose(display.prob_pred, prob_pred)
    np.testing.assert_allclose(display.line_.get_xdata(), prob_pred)
    np.testing.assert_allclose(display.line_.get_ydata(), prob_true)
    assert display.shares.sum() == pytest.approx(1)
    np.testing.assert_allclose([bar.get_height() for bar in display.bars_], display.shares)
    error = expected_calibration_error(Y, PROBA, n_bins=7, strategy=strategy)
    assert display.calibration_error == pytest.approx(error)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"ECE {error:.3f}" in legend


def test_from_estimator(encoder, scenes):
    clf = ZeroShotClassifier(scenes.label_names, encoder).fit()
    images, truth = scenes.images[:60], scenes.Y[:60]
    display = ReliabilityDisplay.from_estimator(clf, images, truth)
    error = expected_calibration_error(truth, clf.predict_proba(images))
    assert display.line_.get_label() == f"ZeroShotClassifier, ECE {error:.3f}"
    named = ReliabilityDisplay.from_estimator(clf, images, truth, name="CLIP")
    assert named.line_.get_label().startswith("CLIP, ECE")
    frame = pd.DataFrame(truth, columns=scenes.label_names[::-1])
    with pytest.raises(ValueError, match="another order"):
        ReliabilityDisplay.from_estimator(clf, images, frame)


def test_from_a_forest():
    X, truth = make_multilabel_classification(n_classes=3, random_state=0)
    forest = RandomForestClassifier(5, random_state=0).fit(X, truth)
    display = ReliabilityDisplay.from_estimator(forest, X, sparse.csr_array(truth))
    proba = np.stack(forest.predict_proba(X))[:, :, 1].T
    assert display.calibration_error == pytest.approx(expected_calibration_error(truth, proba))
    ridge = RidgeClassifier().fit(X, truth)
    with pytest.raises(TypeError, match="RidgeClassifier has no predict_proba"):
        ReliabilityDisplay.from_estimator(ridge, X, truth)


def test_unknown_labels_are_left_out():
    unknown = RNG.random(Y.shape) < 0.3
    display = ReliabilityDisplay.from_predictions(np.where(unknown, -1, Y), PROBA)
    known = ReliabilityDisplay.from_predictions(Y[~unknown][:, None], PROBA[~unknown][:, None])
    np.testing.assert_allclose(display.prob_true, known.prob_true)
    np.testing.assert_allclose(display.shares, known.shares)


def test_own_axes_and_style():
    _, ax = plt.subplots()
    display = ReliabilityDisplay.from_predictions(Y, PROBA, name="mine", ax=ax, color="black")
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.line_.get_color() == "black"
    assert display.line_.get_label().startswith("mine, ECE")
    assert display.plot(name="other").line_.get_label().startswith("other, ECE")
    assert display.ax_ is not ax
    # the bars are behind the curve
    assert display.ax_.get_zorder() > display.shares_ax_.get_zorder()
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Y, PROBA[:9]), r"y_true has shape \(60, 4\) and y_score \(9, 4\)"),
        ((Y, PROBA * 2), "outside of 0 to 1"),
        ((Y * 0 - 1, PROBA), "no known entry"),
        ((Y, PROBA, 0), "n_bins"),
        ((Y, PROBA, 5, "kmeans"), "strategy must be 'uniform' or 'quantile'"),
    ],
)
def test_bad_input(arguments, message):
    y_true, y_proba, n_bins, strategy = (*arguments, *(15, "uniform")[len(arguments) - 2 :])
    with pytest.raises(ValueError, match=message):
        ReliabilityDisplay.from_predictions(y_true, y_proba, n_bins=n_bins, strategy=strategy)
    assert not plt.get_fignums()
