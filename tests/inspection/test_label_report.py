import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import sparse
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score

from sklearn_tai import ZeroShotClassifier
from sklearn_tai.inspection import LabelReportDisplay
from sklearn_tai.metrics import mean_average_precision

matplotlib.use("agg")

Y = np.array([[1, 0, 0, 1], [0, 1, 0, -1], [1, 1, 0, 0]])
SCORES = np.array([[0.9, 0.2, 0.1, 0.3], [0.5, 0.6, 0.2, 0.9], [0.3, 0.4, 0.3, 0.1]])
NAMES = ["dog", "bicycle", "traffic light", "bus"]


def drawn(display):
    return [text.get_text() for text in display.ax_.texts]


def ticks(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def test_by_hand():
    display = LabelReportDisplay.from_predictions(Y, SCORES, label_names=NAMES)
    np.testing.assert_allclose(display.average_precisions, [5 / 6, 1, np.nan, 1])
    assert display.n_positives.tolist() == [2, 2, 0, 1]
    assert display.n_known.tolist() == [3, 3, 3, 2]
    assert ticks(display) == ["bicycle", "bus", "dog", "traffic light"]
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], [1, 1, 5 / 6])
    chance, mean = display.ax_.get_lines()
    np.testing.assert_allclose(chance.get_xdata(), [2 / 3, 1 / 2, 2 / 3])
    np.testing.assert_allclose(mean.get_xdata(), np.full(2, (5 / 6 + 2) / 3))
    texts = drawn(display)
    assert texts[:5] == ["AP", "1.00", "1.00", "0.83", "–"]
    assert texts[5:] == ["positives", "2", "1", "2", "0", "no positives"]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["chance", "mean 0.944"]


def test_from_estimator(encoder, scenes):
    clf = ZeroShotClassifier(scenes.label_names, encoder).fit()
    images, truth = scenes.images[:60], scenes.Y[:60]
    display = LabelReportDisplay.from_estimator(clf, images, truth)
    assert display.label_names == scenes.label_names
    scores = clf.decision_function(images)
    expected = average_precision_score(truth, scores, average=None)
    np.testing.assert_allclose(display.average_precisions, expected)
    mean = mean_average_precision(truth, scores)
    assert display.ax_.get_lines()[1].get_xdata()[0] == pytest.approx(mean)
    best = np.argsort(-expected, kind="stable")
    assert ticks(display) == [scenes.label_names[k] for k in best]


def test_from_a_forest():
    X, truth = make_multilabel_classification(n_classes=3, random_state=0)
    forest = RandomForestClassifier(5, random_state=0).fit(X, truth)
    y = pd.DataFrame(truth, columns=["a", "b", "c"])
    assert LabelReportDisplay.from_estimator(forest, X, y).label_names == ["a", "b", "c"]


def test_truth_may_be_sparse_or_a_data_frame():
    truth = np.where(Y == 1, 1, 0)
    expected = LabelReportDisplay.from_predictions(truth, SCORES).average_precisions
    display = LabelReportDisplay.from_predictions(sparse.csr_array(truth), SCORES)
    np.testing.assert_array_equal(display.average_precisions, expected)
    frame = pd.DataFrame(truth, columns=NAMES)
    display = LabelReportDisplay.from_predictions(frame, SCORES)
    np.testing.assert_array_equal(display.average_precisions, expected)
    assert display.label_names == NAMES
    with pytest.raises(ValueError, match="another order"):
        LabelReportDisplay.from_predictions(frame, SCORES, label_names=NAMES[::-1])


@pytest.mark.parametrize("n_labels", [81, 7186])
def test_best_and_worst_of_many(n_labels):
    rng = np.random.default_rng(0)
    precisions = rng.random(n_labels)
    precisions[5:8] = np.nan
    counts = np.where(np.isnan(precisions), 0, 3)
    names = [f"label {k} with a name that is longer than the figure" for k in range(n_labels)]
    display = LabelReportDisplay(precisions, counts, np.full(n_labels, 9), names).plot()
    widths = np.array([bar.get_width() for bar in display.bars_])
    ranked = np.sort(precisions[~np.isnan(precisions)])[::-1]
    np.testing.assert_array_equal(widths, np.r_[ranked[:15], ranked[-15:]])
    assert drawn(display)[-2:] == [
        f"{n_labels - 33:,} labels between",
        "3 labels without positives",
    ]
    assert all(len(name) <= 36 for name in ticks(display))
    display.figure_.canvas.draw()
    assert display.ax_.get_window_extent().width > 250  # long names leave room for the bars
    display.plot(n_labels=3)
    assert [bar.get_width() for bar in display.bars_] == [*ranked[:2], ranked[-1]]
    display.plot(n_labels=n_labels if n_labels < 100 else 100)
    assert len(display.bars_) == (n_labels - 3 if n_labels < 100 else 100)


def test_all_fits_its_figure():
    display = LabelReportDisplay.from_predictions(
        Y, SCORES, label_names=["US$ and A$", "x" * 80, "c", "d"]
    )
    display.figure_.canvas.draw()
    whole = display.figure_.bbox
    for text in [*display.ax_.texts, *display.ax_.get_yticklabels()]:
        box = text.get_window_extent()
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    assert "US$ and A$" in ticks(display)


def test_own_axes_and_style():
    _, ax = plt.subplots()
    display = LabelReportDisplay.from_predictions(Y, SCORES, ax=ax, color="black")
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.bars_[0].get_facecolor() == (0, 0, 0, 1)
    assert ticks(display) == ["1", "3", "0", "2"]


def test_no_positives_at_all():
    display = LabelReportDisplay.from_predictions(np.zeros((2, 2)), np.eye(2))
    assert np.isnan(display.average_precisions).all()
    assert drawn(display)[-2:] == ["no positives"] * 2
    assert len(display.bars_) == 0
    assert display.ax_.get_legend() is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((Y, SCORES[:2]), ValueError, r"y_true has shape \(3, 4\) and y_score \(2, 4\)"),
        ((np.zeros((0, 3)), np.zeros((0, 3))), ValueError, "at least one sample"),
        (([], []), ValueError, r"y_true has shape \(0,\)"),
        ((Y, SCORES * np.nan), ValueError, "NaN or infinity"),
        ((Y * 3, SCORES), ValueError, "must hold only"),
        ((Y, SCORES, ["dog"]), ValueError, "label_names has 1 names .* 4 labels"),
        ((Y, SCORES, "dogs"), TypeError, "single str 'dogs'"),
        ((Y, SCORES, None, 0), ValueError, "n_labels"),
    ],
)
def test_bad_input(arguments, error, message):
    y_true, y_score, label_names, n_labels = (*arguments, None, None)[:4]
    with pytest.raises(error, match=message):
        LabelReportDisplay.from_predictions(
            y_true, y_score, label_names=label_names, n_labels=n_labels
        )
    assert not plt.get_fignums()
