import pickle
import warnings

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_tai import OpenCLIPEncoder, ScoreEnsemble, ZeroShotClassifier
from sklearn_tai.crops import MultiCropClassifier
from tests.networks import with_network


class Colours(ClassifierMixin, BaseEstimator):
    """Mean red and green of a picture, in [0, 1]; the length of a text for both."""

    def fit(self, X=None, y=None, offset=0.0):
        self.classes_ = np.array(["red", "green"])
        self.offset_ = offset
        return self

    def decision_function(self, X):
        self.n_scored_ = [*getattr(self, "n_scored_", []), len(X)]
        rows = [
            [len(x)] * 2 if isinstance(x, str) else np.asarray(x)[..., :2].mean((0, 1)) / 255
            for x in X
        ]
        return np.array(rows, dtype=float) + self.offset_


@pytest.fixture
def quarters():
    """Upper left red, lower right half green, else black: 100 x 80 pixels."""
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[:40, :50, 0] = 255
    pixels[40:, 50:, 1] = 102
    return pixels


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps the crops it is given."""

    def fit(self, X=None, y=None):
        self.classes_ = np.array(["any"])
        return self

    def decision_function(self, X):
        self.crops_ = list(X)
        return np.zeros((len(X), 1))


def crops_of(picture, n_crops=5, **params):
    multi = MultiCropClassifier(Recorder(), n_crops, **{"overlap": 0, "min_size": 1, **params})
    multi.fit().decision_function([picture])
    return [np.asarray(crop) for crop in multi.estimator_.crops_]


def boxes_of(size, n_crops=5, **params):
    """Where the tiles of a picture lie, read off pixels that tell where they are."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    pixels = np.stack([x % 256, y % 256, x // 256 + 16 * (y // 256)], axis=2).astype(np.uint8)

    def place(pixel):
        x, y, beyond = map(int, pixel)
        return x + 256 * (beyond % 16), y + 256 * (beyond // 16)

    whole, *tiles = crops_of(pixels, n_crops, **params)
    np.testing.assert_array_equal(whole, pixels)
    ends = [(place(tile[0, 0]), place(tile[-1, -1])) for tile in tiles]
    return [(left, upper, right + 1, lower + 1) for (left, upper), (right, lower) in ends]


WHOLE = np.array([0.25, 0.1])
TILES = np.array([[1, 0], [0, 0], [0, 0], [0, 0.4]])


def pooled(picture, **params):
    params = {"overlap": 0, **params}
    return MultiCropClassifier(Colours(), **params).fit().decision_function([picture])[0]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"pooling": "max", "whole_weight": 0}, [1, 0.4]),
        ({"pooling": "mean", "whole_weight": 0}, [0.25, 0.1]),
        ({"pooling": "max", "whole_weight": 0.3}, [0.3 * 0.25 + 0.7, 0.3 * 0.1 + 0.7 * 0.4]),
        ({"pooling": "max", "whole_weight": 1}, WHOLE),
        ({"pooling": "mean", "whole_weight": None}, (WHOLE + TILES.sum(0)) / 5),
        ({"pooling": "soft", "whole_weight": 0, "temperature": 1e-9}, [1, 0.4]),
        ({"pooling": "soft", "whole_weight": 0, "temperature": 1e9}, [0.25, 0.1]),
    ],
)
def test_pooling_by_hand(quarters, params, expected):
    np.testing.assert_allclose(pooled(quarters, **params), expected, atol=1e-6)


def test_soft_pooling_by_hand(quarters):
    # mean square 1.16 / 8, mean 1.4 / 8
    sigma = np.sqrt(1.16 / 8 - (1.4 / 8) ** 2)
    red, green = np.exp(1 / (2 * sigma)), np.exp(0.4 / (2 * sigma))
    expected = 0.4 * WHOLE + 0.6 * np.array([red / (red + 3), 0.4 * green / (green + 3)])
    scores = pooled(quarters, pooling="soft", temperature=2.0, whole_weight=0.4)
    np.testing.assert_allclose(scores, expected)


def test_soft_weights_know_no_scale():
    class Fixed(Recorder):
        def decision_function(self, X):
            return scores

    def pooled():
        multi = MultiCropClassifier(Fixed(), whole_weight=0.3, temperature=0.5, min_size=1)
        return multi.fit().decision_function([np.zeros((9, 9, 3), np.uint8)])[0]

    scores = first = np.random.default_rng(0).normal(size=(5, 3))
    once = pooled()
    scores = 7 * first + 2
    np.testing.assert_allclose(pooled(), 7 * once + 2)
    scores = np.full((5, 2), 0.3)
    np.testing.assert_allclose(pooled(), [0.3, 0.3])


@pytest.mark.parametrize(
    ("n_crops", "grids"), [(1, ()), (5, (2,)), (10, (3,)), (14, (2, 3)), (30, (2, 3, 4))]
)
@pytest.mark.parametrize("overlap", [0, 1 / 3, 0.5])
def test_tiles_cover_the_picture(n_crops, grids, overlap):
    boxes = boxes_of((400, 301), n_crops, overlap=overlap)
    assert len(boxes) == n_crops - 1
    for n in grids:
        tiles, boxes = np.array(boxes[: n * n]), boxes[n * n :]
        covered = np.zeros((301, 400), int)
        for left, upper, right, lower in tiles:
            covered[upper:lower, left:right] += 1
        assert covered.min() == 1
        assert covered.max() == (1 if overlap == 0 else 4)
        assert np.ptp(tiles[:, 2] - tiles[:, 0]) <= 1
        assert tiles[0].tolist()[:2] == [0, 0]
        assert tiles[-1].tolist()[2:] == [400, 301]
        widths, steps = tiles[:, 2] - tiles[:, 0], np.diff(tiles[:n, 0])
        np.testing.assert_allclose(1 - steps / widths[0], overlap, atol=0.02)


def test_boxes_by_hand():
    boxes = boxes_of((100, 50), overlap=1 / 3)  # sides of 60 %
    assert boxes == [(0, 0, 60, 30), (40, 0, 100, 30), (0, 20, 60, 50), (40, 20, 100, 50)]


def test_small_images_are_cut_less():
    assert len(boxes_of((90, 90), 14, min_size=32)) == 4
    assert boxes_of((500, 50), 14, min_size=32) == []
    small = Image.new("RGB", (20, 20), "red")
    np.testing.assert_allclose(pooled(small, n_crops=14, whole_weight=0), [1, 0])
    np.testing.assert_allclose(pooled(small, min_size=10, whole_weight=0.5), [1, 0])


@pytest.fixture(scope="module")
def zero_shot(encoder, scenes):
    return ZeroShotClassifier(scenes.label_names, encoder).fit()


@pytest.fixture(scope="module")
def clf(encoder, corpus):
    quick = with_network(encoder, hidden_layer_sizes=(32,), max_epochs=2)
    return quick.fit(*corpus)


def test_one_crop_is_the_estimator_alone(clf, scenes, image_embeddings):
    one = MultiCropClassifier(FrozenEstimator(clf), 1).fit()
    images = scenes.images[:10]
    np.testing.assert_array_equal(one.decision_function(images), clf.decision_function(images))
    np.testing.assert_array_equal(one.predict_proba(images), clf.predict_proba(images))
    np.testing.assert_array_equal(one.predict(images), clf.predict(images))
    np.testing.assert_array_equal(
        one.predict_proba(image_embeddings), clf.predict_proba(image_embeddings)
    )


def test_pooled_scores_of_real_crops(clf, zero_shot, scenes):
    image = scenes.images[0]
    boxes = boxes_of(image.size, overlap=1 / 3, min_size=32)
    crops = [image, *(image.crop(box) for box in boxes)]
    for estimator in (clf, zero_shot):
        multi = MultiCropClassifier(FrozenEstimator(estimator)).fit()
        for method in ("decision_function", "predict_proba"):
            s = getattr(estimator, method)(crops)
            weights = softmax(s[1:] / (0.5 * s[1:].std()), axis=0)
            expected = 0.3 * s[0] + 0.7 * (weights * s[1:]).sum(0)
            found = getattr(multi, method)([image])
            np.testing.assert_allclose(found, [expected], rtol=1e-3, atol=1e-4)


def test_crops_find_small_objects(zero_shot, scenes):
    multi = MultiCropClassifier(FrozenEstimator(zero_shot)).fit()
    images, Y = scenes.images[:80], scenes.Y[:80]
    assert multi.score(images, Y) > zero_shot.score(images, Y) + 0.08


def test_fit_clones_and_passes_parameters(clf, corpus, scenes):
    unfitted = clone(clf)
    multi = MultiCropClassifier(unfitted).fit(*corpus)
    assert not hasattr(unfitted, "net_")
    expected = clf.predict_proba(corpus[0][:3])  # texts are scored whole
    np.testing.assert_allclose(multi.predict_proba(list(corpus[0][:3])), expected, atol=1e-5)
    assert multi.n_features_in_ == clf.n_features_in_
    assert list(multi.classes_) == list(clf.classes_)
    shifted = MultiCropClassifier(Colours()).fit(offset=2.0)
    assert shifted.estimator_.offset_ == 2
    with pytest.raises(TypeError, match="spelling"):
        MultiCropClassifier(Colours()).fit(spelling=1)


def test_texts_and_images_in_order(quarters):
    X = ["abc", quarters, "a", Image.fromarray(255 - quarters)]
    multi = MultiCropClassifier(Colours(), pooling="max", overlap=0, whole_weight=0).fit()
    expected = [[3, 3], [1, 0.4], [1, 1], [1, 1]]
    np.testing.assert_allclose(multi.decision_function(X), expected)
    assert multi.estimator_.n_scored_ == [12]
    np.testing.assert_allclose(multi.decision_function(iter(X)), expected)


def test_batches_keep_order_and_bounds(monkeypatch):
    greys = [Image.new("RGB", (64, 64), (i, 0, 0)) for i in range(120)]
    multi = MultiCropClassifier(Colours()).fit()
    expected = np.c_[np.arange(120) / 255, np.zeros(120)]
    np.testing.assert_allclose(multi.decision_function(greys), expected, atol=1e-9)
    assert multi.estimator_.n_scored_ == [510, 90]  # up to 512 crops
    # each picture by itself; pictures that reach the real bound take 400 MB
    monkeypatch.setattr("sklearn_tai._cropping._MAX_PIXELS", 1)
    del multi.estimator_.n_scored_
    np.testing.assert_allclose(multi.decision_function(greys[:3]), expected[:3], atol=1e-9)
    assert multi.estimator_.n_scored_ == [5, 5, 5]


def test_iterators_are_read_as_needed():
    n_read, n_read_at = [], []

    class Watch(Recorder):
        def decision_function(self, X):
            n_read_at.append(len(n_read))
            return super().decision_function(X)

    def pictures():
        for i in range(250):
            n_read.append(i)
            yield np.full((64, 64, 3), i, np.uint8)

    multi = MultiCropClassifier(Watch(), overlap=0, min_size=1).fit()
    assert len(multi.decision_function(pictures())) == 250
    assert 102 <= n_read_at[0] < 140  # 510 crops, and a few pictures read ahead
    assert 204 <= n_read_at[1] < 242


def test_camera_orientation(tmp_path, quarters):
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    Image.fromarray(quarters).rotate(180).save(tmp_path / "turned.png", exif=exif)
    whole, first, *_ = crops_of(tmp_path / "turned.png")
    np.testing.assert_array_equal(whole, quarters)
    np.testing.assert_array_equal(first, quarters[:40, :50])


@pytest.fixture
def broken(tmp_path, scenes):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    return [scenes.images[0], tmp_path / "broken.jpg", "a dog", tmp_path / "none.jpg"]


def test_unreadable_images_stay_nan(broken, corpus):
    encoder = OpenCLIPEncoder("tai-tiny", on_error="nan")
    clf = with_network(encoder, hidden_layer_sizes=(16,), max_epochs=1)
    multi = MultiCropClassifier(clf).fit(*corpus)
    with pytest.warns(UserWarning, match=r"^2 images could not be read.*X\[1\].*X\[3\]") as caught:
        proba = multi.predict_proba(broken)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.isnan(proba).all(axis=1).tolist() == [False, True, False, True]
    assert not np.isnan(proba[[0, 2]]).any()
    with pytest.warns(UserWarning, match="2 images could not be read"):
        assert multi.predict(broken)[:, 0].tolist()[1::2] == [-1, -1]


def test_errors_name_the_item(broken, zero_shot, scenes):
    multi = MultiCropClassifier(FrozenEstimator(zero_shot)).fit()
    with pytest.raises(ValueError, match=r"^X\[1\]: .*broken.jpg' cannot be read"):
        multi.predict_proba(broken)
    with pytest.raises(FileNotFoundError, match=r"^X\[2\]: .*none.jpg' is no file"):
        multi.predict_proba([scenes.images[0], "a dog", broken[3]])
    lenient = ZeroShotClassifier(["dog"], OpenCLIPEncoder("tai-tiny", on_error="nan"))
    with pytest.raises(ValueError, match=r"^X\[1\]: .*broken.jpg' cannot be read"):
        MultiCropClassifier(lenient).fit().predict_proba(broken[:2])


def test_a_picture_too_thin_for_the_model(scenes, text_embeddings, corpus):
    def multi(on_error):
        encoder = OpenCLIPEncoder("tai-tiny", resize_mode="longest", on_error=on_error)
        clf = with_network(encoder, hidden_layer_sizes=(16,), max_epochs=1)
        return MultiCropClassifier(clf, min_size=1).fit(text_embeddings, corpus[1])

    X = [scenes.images[0], Image.new("RGB", (1600, 2))]
    with pytest.raises(ValueError, match=r"^X\[1\]: the PIL image is .* cannot be brought"):
        multi("raise").decision_function(X)
    with pytest.warns(UserWarning, match=r"^1 images .* NaN. X\[1\]: the image cannot be brought"):
        scores = multi("nan").decision_function(X)
    assert np.isnan(scores).any(axis=1).tolist() == [False, True]


def test_pipelines(encoder, corpus, text_embeddings, scenes):
    head = OneVsRestClassifier(LogisticRegression()).fit(text_embeddings, corpus[1])
    multi = MultiCropClassifier(FrozenEstimator(make_pipeline(encoder, head))).fit()
    assert multi.predict_proba(scenes.images[:2]).shape == (2, 20)
    assert multi.predict(scenes.images[:2]).sum() > 0


@pytest.mark.parametrize("X", [np.ones((3, 4)), [[1.0, 2.0]]])
def test_embeddings_cannot_be_cut(X):
    with pytest.raises(ValueError, match=r"cannot be cut into crops.*n_crops=1"):
        MultiCropClassifier(Colours()).fit().decision_function(X)


@pytest.mark.parametrize(
    ("X", "message"), [([], "X is empty"), (iter([]), "X is empty"), ([" "], r"X\[0\] is a blank")]
)
def test_bad_items(X, message):
    with pytest.raises(ValueError, match=message):
        MultiCropClassifier(Colours()).fit().decision_function(X)


@pytest.mark.parametrize(
    "params",
    [
        {"estimator": 3},
        {"n_crops": 7},
        {"pooling": "median"},
        {"overlap": 1},
        {"overlap": -0.1},
        {"whole_weight": 1.1},
        {"temperature": 0},
        {"min_size": 0},
        {"threshold": 2},
    ],
)
def test_bad_parameters(params):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter"):
        MultiCropClassifier(**{"estimator": Colours(), **params}).fit()


def test_only_what_the_estimator_has(zero_shot):
    multi = MultiCropClassifier(Colours())
    assert hasattr(multi, "decision_function")
    assert not hasattr(multi, "predict_proba")
    ensemble = ScoreEnsemble([("a", FrozenEstimator(zero_shot))], scaling=None)
    assert not hasattr(MultiCropClassifier(ensemble), "decision_function")
    with pytest.raises(NotFittedError):
        multi.decision_function(["a dog"])


def test_ensembles(zero_shot, scenes):
    images = scenes.images[:6]
    parts = [("a", FrozenEstimator(zero_shot))]
    with pytest.raises(ValueError, match="scale_on='fit'"):
        MultiCropClassifier(ScoreEnsemble(parts)).fit(images)
    kept = MultiCropClassifier(ScoreEnsemble(parts, scale_on="fit")).fit(images)
    assert kept.predict_proba(images).shape == (6, 20)
    inside = ScoreEnsemble([("a", MultiCropClassifier(parts[0][1]))]).fit(images)
    scores = MultiCropClassifier(parts[0][1]).fit().decision_function(images)
    expected = (scores - scores.min()) / np.ptp(scores)
    np.testing.assert_allclose(inside.predict_proba(images), expected, atol=1e-5)


def test_thresholds(zero_shot, clf, scenes):
    def multi(estimator, **params):
        return MultiCropClassifier(FrozenEstimator(estimator), **params).fit()

    image = scenes.images[:1]
    for estimator, threshold in ((zero_shot, 1 / 20), (clf, clf.threshold)):
        proba = multi(estimator).predict_proba(image)
        np.testing.assert_array_equal(multi(estimator).predict(image), proba > threshold)
        own = multi(estimator, threshold=0.01).predict(image)
        np.testing.assert_array_equal(own, proba > 0.01)


def test_copies(clf, scenes):
    multi = MultiCropClassifier(FrozenEstimator(clf), 14, pooling="max", whole_weight=None).fit()
    images = scenes.images[:3]
    again = pickle.loads(pickle.dumps(multi))
    np.testing.assert_array_equal(again.predict_proba(images), multi.predict_proba(images))
    params = clone(multi).get_params()
    assert params["n_crops"] == 14
    assert params["whole_weight"] is None
    nested = MultiCropClassifier(clone(clf)).set_params(estimator__adapter__max_epochs=7)
    assert nested.get_params()["estimator__adapter__max_epochs"] == 7


def test_search_over_crops(zero_shot, scenes):
    search = GridSearchCV(
        MultiCropClassifier(FrozenEstimator(zero_shot)),
        {"n_crops": [1, 5], "pooling": ["soft", "mean"]},
        cv=2,
        error_score="raise",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # labels that no picture of a fold has
        search.fit(scenes.images[:60], scenes.Y[:60])
    assert search.best_params_ == {"n_crops": 5, "pooling": "soft"}
