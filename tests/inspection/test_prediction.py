from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.font_manager import findfont, get_font
from PIL import Image
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    ScoreEnsemble,
    ZeroShotClassifier,
)
from sklearn_tai.corpus import Vocabulary
from sklearn_tai.inspection import PredictionDisplay
from tests.networks import with_network

matplotlib.use("agg")

NAMES = ["dog", "cat", "bus"]
LONG = [f"number {i} with a name that goes on and on/without_end" for i in range(79)]


@pytest.fixture(scope="module")
def clf(encoder, scenes):
    clf = with_network(encoder, hidden_layer_sizes=(64,), max_lr=1e-2, max_epochs=10)
    generator = PromptCorpusGenerator(n_texts=300, random_state=0)
    return clf.fit(*generator.generate(scenes.label_names))


def shown(caption):
    """The label names in a caption, without marks, scores and notes."""
    return {
        line.strip("✓✗ ").rpartition(" ")[0]
        for line in caption
        if "missed:" not in line and " more" not in line
    }


def test_names_what_predict_names(clf, scenes):
    images, Y = scenes.images[:12], scenes.Y[:12]
    display = PredictionDisplay.from_estimator(clf, images, Y, label_names=scenes.label_names)
    names, n_checked = np.array(scenes.label_names), 0
    for caption, predicted, truth in zip(display.captions_, clf.predict(images), Y):
        if not predicted.any():
            assert "(0." in caption[0]  # the best one, although below the threshold
            continue
        n_checked += 1
        assert shown(caption) == set(names[predicted == 1])
        right = {line[2:-5] for line in caption if line.startswith("✓")}
        assert right == set(names[(predicted == 1) & (truth == 1)])
        wrong = {line[2:-5] for line in caption if line.startswith("✗")}
        assert wrong == set(names[(predicted == 1) & (truth == 0)])
        missed = {n for x in caption if "missed: " in x for n in x[10:].split(", ")}
        assert missed == set(names[(predicted == 0) & (truth == 1)])
    assert n_checked >= 4
    assert len(display.axes_) == len(display.figure_.axes) == 12


def test_only_one_exclusive_label_is_shown(encoder, scenes):
    labels = {"vehicle": (), "bus": ["bus"], "boat": ["boat"], "dog": ["dog"], "cat": ["cat"]}
    known = Vocabulary(labels, groups={"vehicle": ["bus", "boat"]}, exclusive=[["vehicle", "dog"]])
    clf = ZeroShotClassifier(known, encoder, threshold=0.0).fit()
    images, names = scenes.images[:6], np.array(list(known))
    for estimator in (clf, make_pipeline(clf)):
        display = PredictionDisplay.from_estimator(estimator, images)
        for caption, predicted in zip(display.captions_, clf.predict(images)):
            assert shown(caption) == set(names[predicted == 1])
            assert ("dog" in shown(caption)) != ("vehicle" in shown(caption))
    top = PredictionDisplay.from_estimator(clf, images, n_top=3, threshold=0.9)
    best = [{label for label, _ in own} for own in clf.predict_top_k(images, 3)]
    assert list(map(shown, top.captions_)) == best
    Y = np.ones((6, 5), int)
    for caption in PredictionDisplay.from_estimator(clf, images, Y).captions_:
        assert ("missed: dog" in caption[-1]) == ("vehicle" in shown(caption))


def test_a_score_of_minus_infinity_is_not_shown(scenes):
    scores = [[0.9, -np.inf, 0.2]]
    for n_top, names in ((None, {"0"}), (3, {"0", "2"})):
        display = PredictionDisplay.from_predictions(scenes.images[:1], scores, n_top=n_top)
        assert shown(display.captions_[0]) == names


def test_marks_beside_names(scenes):
    display = PredictionDisplay.from_predictions(
        scenes.images[:2],
        [[0.9, 0.8, 0.7], [0.4, 0.3, 0.2]],
        [[1, 0, -1], [-1, 1, 1]],
        label_names=NAMES,
    )
    assert display.captions_ == [
        ["✓ dog 0.90", "✗ cat 0.80", "bus 0.70"],
        ["dog (0.40)", "– missed: cat, bus"],
    ]
    texts = [text.get_text() for text in display.texts_[0]]
    assert texts == ["✓", "dog", "0.90", "✗", "cat", "0.80", "bus", "0.70"]
    mark, name = display.texts_[0][:2]
    assert mark.get_color() != display.texts_[0][3].get_color()
    assert mark.xyann[0] < name.xyann[0]
    assert mark.xyann[1] == name.xyann[1]
    # names are aligned even without a mark
    assert display.texts_[0][6].xyann[0] == name.xyann[0]
    glyphs = get_font(findfont("DejaVu Sans")).get_charmap()
    assert {ord("✓"), ord("✗"), ord("–"), ord("…")} <= set(glyphs)


def test_without_truth_there_are_no_marks(scenes):
    display = PredictionDisplay.from_predictions(scenes.images[:1], [[0.9, 0.8, 0.1]])
    assert display.captions_ == [["0 0.90", "1 0.80"]]


def test_n_top(scenes):
    scores, y = [[0.9, 0.6, 0.002]], [[1, 1, 0]]
    display = PredictionDisplay.from_predictions(
        scenes.images[:1], scores, y, label_names=NAMES, n_top=1
    )
    assert display.captions_ == [["✓ dog 0.90"]]  # the cat was predicted, so not missed
    display.plot(n_top=5)
    assert display.captions_ == [["✓ dog 0.90", "✓ cat 0.60", "✗ bus (0.002)"]]
    for wrong in (0, 1.5):
        with pytest.raises((ValueError, TypeError), match="n_top"):
            display.plot(n_top=wrong)
    with pytest.raises(ValueError, match="n_columns"):
        display.plot(n_columns=0)


def test_many_labels_above_the_threshold_are_counted(scenes):
    display = PredictionDisplay.from_predictions(
        scenes.images[:1], np.linspace(0.6, 1, 30)[None], np.ones((1, 30))
    )
    assert display.captions_[0][-1] == "and 22 more"
    assert len(display.captions_[0]) == 9


def test_thresholds_of_classifiers(encoder, scenes, clf):
    zero_shot = ZeroShotClassifier(scenes.label_names, encoder).fit()

    def own_threshold(estimator):
        return PredictionDisplay.from_estimator(estimator, scenes.images[:1]).threshold

    assert own_threshold(zero_shot) == 1 / 20
    assert own_threshold(FrozenEstimator(zero_shot)) == 1 / 20
    assert own_threshold(make_pipeline(zero_shot)) == 1 / 20
    search = GridSearchCV(zero_shot, {"threshold": [0.3]}, scoring=lambda *_: 1.0, cv=2)
    assert own_threshold(search.fit(scenes.images[:4], scenes.Y[:4])) == 0.3
    ensemble = ScoreEnsemble(
        [("adapter", FrozenEstimator(clf)), ("clip", FrozenEstimator(zero_shot))], threshold=0.75
    ).fit(scenes.images[:8])
    for estimator in (zero_shot, ensemble):
        display = PredictionDisplay.from_estimator(estimator, scenes.images[:8])
        predicted, n_checked = estimator.predict(scenes.images[:8]) == 1, 0
        for caption, row in zip(display.captions_, predicted):
            if row.any():
                n_checked += 1
                assert shown(caption) == set(np.array(scenes.label_names)[row])
        assert n_checked >= 5
    display = PredictionDisplay.from_estimator(clf, scenes.images[:1], threshold=0.999)
    assert len(display.captions_[0]) == 1


def test_scores_that_are_no_probabilities(scenes):
    logits = [[2.0, -1.0, 3.0]]
    with pytest.raises(ValueError, match=r"give threshold .* or n_top"):
        PredictionDisplay.from_predictions(scenes.images[:1], logits)
    display = PredictionDisplay.from_predictions(scenes.images[:1], logits, threshold=0)
    assert display.captions_ == [["2 3.00", "0 2.00"]]
    display = PredictionDisplay.from_predictions(scenes.images[:1], logits, n_top=3)
    assert display.captions_ == [["2 3.00", "0 2.00", "1 -1.00"]]


def test_names_of_data_frames(scenes, clf):
    y = pd.DataFrame(scenes.Y[:2], columns=scenes.label_names)
    display = PredictionDisplay.from_estimator(clf, scenes.images[:2], y)
    assert display.label_names == scenes.label_names
    scores = pd.DataFrame([[0.9, 0.8, 0.7]], columns=NAMES)
    display = PredictionDisplay.from_predictions(scenes.images[:1], scores)
    assert display.label_names == NAMES
    with pytest.raises(ValueError, match="another order"):
        PredictionDisplay.from_predictions(
            scenes.images[:1], scores, pd.DataFrame([[1, 0, 0]], columns=NAMES[::-1])
        )


def test_kinds_of_images(tmp_path, scenes):
    path = tmp_path / "scene.png"
    scenes.images[0].resize((1500, 700)).save(path)
    array = np.zeros((30, 40, 3), np.uint8)
    given = scenes.images[1].resize((900, 300))
    images = iter([path, array, given])
    display = PredictionDisplay.from_predictions(images, np.eye(3), label_names=NAMES)
    assert [picture.size for picture in display.pictures] == [(640, 299), (40, 30), (640, 213)]
    assert given.size == (900, 300)
    assert (array == 0).all()


@pytest.mark.parametrize(
    ("n_images", "size"),
    [(1, None), (3, None), (24, None), (1, (3, 9)), (3, (9, 3)), (8, (7, 5))],
)
def test_nothing_overlaps(scenes, n_images, size):
    rng = np.random.default_rng(0)
    sizes = [(192, 192), (400, 100), (90, 270), (300, 200)]
    images = [im.resize(sizes[i % 4]) for i, im in enumerate(scenes.images[:n_images])]
    scores, y = rng.random((n_images, 80)) ** 9, rng.random((n_images, 80)) < 0.05
    names = [*LONG, "cost in US$ and A$ of Donaudampfschifffahrtsgesellschaftskapitänsmützen"]
    scores[0, -1] = 1
    figure = plt.figure(figsize=size) if size else None
    display = PredictionDisplay.from_predictions(
        images, scores, y, label_names=names, figure=figure
    )
    assert figure is None or display.figure_ is figure
    display.figure_.canvas.draw()
    boxes = [
        box.extents
        for ax, texts in zip(display.axes_, display.texts_)
        for box in [ax.get_window_extent(), *(text.get_window_extent() for text in texts)]
    ]
    low, high = np.split(np.array(boxes), 2, axis=1)
    whole = display.figure_.bbox
    assert (low >= (whole.x0, whole.y0)).all()
    assert (high <= (whole.x1, whole.y1)).all()
    low, high = low + 1, high - 1  # the boxes of glyphs include a pixel of antialiasing
    overlaps = ((low[:, None] < high) & (low < high[:, None])).all(axis=2)
    assert (overlaps == np.eye(len(boxes), dtype=bool)).all()
    widths = {(round(b.width), round(b.height)) for b in (a.get_position() for a in display.axes_)}
    assert len(widths) == 1
    assert any(text.get_text().endswith("…") for texts in display.texts_ for text in texts)


def test_pictures_keep_their_shape(scenes):
    images = [scenes.images[0].resize(size) for size in [(200, 100), (100, 200)]]
    display = PredictionDisplay.from_predictions(images, np.eye(2))
    display.figure_.canvas.draw()
    for ax, (width, height) in zip(display.axes_, [(200, 100), (100, 200)]):
        (x0, y0), (x1, y1) = ax.transData.transform([(0, 0), (width, height)])
        assert abs(x1 - x0) / abs(y1 - y0) == pytest.approx(width / height)
        assert ax.get_window_extent().width == pytest.approx(ax.get_window_extent().height)


def test_in_a_subfigure(scenes):
    left, right = plt.figure(figsize=(8, 4)).subfigures(1, 2)
    display = PredictionDisplay.from_predictions(
        scenes.images[:4], np.eye(4), figure=right, n_columns=2
    )
    assert display.figure_ is right
    assert not left.axes
    for ax in display.axes_:
        assert right.bbox.x0 <= ax.get_window_extent().x0 < right.bbox.x1
    rows = {round(ax.get_window_extent().y0) for ax in display.axes_}
    assert len(rows) == 2


def test_suitable_columns():
    def columns(n):
        images = [np.zeros((4, 4, 3), np.uint8)] * n
        axes = PredictionDisplay.from_predictions(images, np.ones((n, 1))).axes_
        return len({round(ax.get_position().x0, 3) for ax in axes})

    counts = {1: 1, 3: 3, 5: 5, 6: 3, 7: 4, 8: 4, 9: 3, 10: 5, 12: 6, 13: 5, 24: 6}
    assert {n: columns(n) for n in counts} == counts


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": []}, ValueError, "X is empty"),
        ({"images": ["a text"]}, TypeError, r"images\[0\] is the str 'a text'"),
        ({"images": np.zeros((1, 8))}, TypeError, "images is a matrix"),
        ({"images": [Path("none.jpg")]}, FileNotFoundError, "none.jpg"),
        ({"scores": [[0.1, 0.2, 0.3]] * 2}, ValueError, r"shape \(2, 3\); expected \(1, n_la"),
        ({"scores": [0.1]}, ValueError, r"shape \(1,\)"),
        ({"scores": [["high"]]}, ValueError, "matrix of numbers"),
        ({"scores": [[0.1, np.nan, 0.3]]}, ValueError, r"images\[0\] contain NaN"),
        ({"y": [[1, 0, 0]] * 2}, ValueError, "1 items but y has 2 rows"),
        ({"y": [[1, 0]]}, ValueError, "y has 2 columns but scores has 3"),
        ({"y": pd.DataFrame([[1, 0]])}, ValueError, "y has 2 columns but scores has 3"),
        ({"y": [[1, 0, 7]]}, ValueError, r"y\[0, 2\] is 7"),
        ({"label_names": ["dog"]}, ValueError, "label_names has 1 names .* 3 labels"),
        ({"label_names": "dog"}, TypeError, "single str 'dog'"),
        ({"threshold": "high"}, TypeError, "threshold"),
    ],
)
def test_bad_input(scenes, change, error, message):
    arguments = {"images": scenes.images[:1], "scores": [[0.1, 0.2, 0.3]], **change}
    if "label_names" not in change:
        arguments["label_names"] = None if "y" in change else NAMES
    with pytest.raises(error, match=message):
        PredictionDisplay.from_predictions(**arguments)
    assert not plt.get_fignums()


def test_unreadable_picture(tmp_path, clf, scenes):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.jpg.*cannot be read"):
        PredictionDisplay.from_estimator(clf, [scenes.images[0], path])
    lenient = ZeroShotClassifier(scenes.label_names, OpenCLIPEncoder("tai-tiny"))
    scores = lenient.fit().predict_proba(scenes.images[:2])
    with pytest.raises(ValueError, match=r"broken\.jpg.*cannot be read"):
        PredictionDisplay.from_predictions([Image.new("RGB", (9, 9)), path], scores)
