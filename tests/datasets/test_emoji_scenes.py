import numpy as np

from sklearn_tai.datasets import load_emoji_scenes


def test_emoji_scenes():
    scenes = load_emoji_scenes()
    assert len(scenes.images) == len(scenes.Y) >= 300
    assert scenes.Y.shape[1] == len(scenes.label_names) == 20
    assert set(np.unique(scenes.Y)) == {0, 1}
    assert scenes.Y.sum(axis=0).min() >= 20
    assert all(image.mode == "RGB" for image in scenes.images)
    assert "Fluent Emoji" in scenes.DESCR
