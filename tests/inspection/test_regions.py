import matplotlib
import numpy as np
import pytest
from PIL import Image

from sklearn_tai import OpenCLIPEncoder, TextAsImageClassifier
from sklearn_tai.inspection import RegionDisplay

matplotlib.use("agg")


def test_the_most_probable_labels(default_clf, scenes):
    display = RegionDisplay.from_estimator(default_clf, scenes.images[3], n_top=2)
    best = default_clf.predict_top_k(scenes.images[3:4], k=2)[0]
    assert display.label_names == [name for name, _ in best]
    np.testing.assert_allclose(display.scores, [score for _, score in best], rtol=1e-5)
    maps = default_clf.predict_regions(scenes.images[3:4], display.label_names)
    np.testing.assert_array_equal(display.maps, maps[0])
    for ax, (name, score) in zip(display.axes_, best):
        assert ax.get_title() == f"{name} {score:.2f}"


def test_the_heat_map_covers_what_the_model_sees(default_clf, scenes):
    """The model sees only the middle of a wide image."""
    wide = Image.new("RGB", (400, 200))
    wide.paste(scenes.images[3].resize((200, 200)), (100, 0))
    display = RegionDisplay.from_estimator(default_clf, wide, ["bus"])
    assert display.frame == (100, 0, 300, 200)
    drawn, heat = display.axes_[0].images
    assert drawn.get_array().shape[:2] == (200, 400)
    assert heat.get_extent() == [100, 300, 200, 0]
    square = RegionDisplay.from_estimator(
        default_clf, scenes.images[3].resize((200, 200)), ["bus"]
    )
    np.testing.assert_allclose(display.maps, square.maps, atol=0.05)


@pytest.mark.parametrize(
    ("mode", "frame"), [("squash", (0, 0, 400, 200)), ("longest", (0, -100, 400, 300))]
)
def test_frames(mode, frame):
    encoder = OpenCLIPEncoder("tai-tiny", resize_mode=mode)
    assert encoder.region_frame(400, 200) == frame
    assert encoder.region_grid() == (3, 3)


def test_bad_input(default_clf, scenes):
    with pytest.raises(ValueError, match="labels names"):
        RegionDisplay.from_estimator(default_clf, scenes.images[0], ["unicorn"])
    with pytest.raises(TypeError, match="only images can be shown"):
        RegionDisplay.from_estimator(default_clf, "a dog")
    plain = TextAsImageClassifier(OpenCLIPEncoder("EVA02-B-16", None))
    plain.fit(np.eye(512, dtype=np.float32)[:4], np.eye(4))
    with pytest.raises(ValueError, match="There are no regions"):
        RegionDisplay.from_estimator(plain, scenes.images[0])
