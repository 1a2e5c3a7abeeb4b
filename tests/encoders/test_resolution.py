from types import SimpleNamespace

import numpy as np
import pytest
import torch
from open_clip.model import resize_pos_embed
from PIL import Image

from sklearn_tai import OpenCLIPEncoder
from sklearn_tai.encoders._resolution import interpolate_positions
from tests.models import model_of


@pytest.mark.parametrize(("name", "dim"), [("RN50", 1024), ("ViT-B-32", 512)])
def test_larger_images(name, dim, scenes):
    images = scenes.images[:2]
    own = OpenCLIPEncoder(name, None, cache=None).transform(images)
    same = OpenCLIPEncoder(name, None, image_size=224, cache=None).transform(images)
    np.testing.assert_array_equal(same, own)
    larger = OpenCLIPEncoder(name, None, image_size=448, cache=None)
    embeddings = larger.transform(images)
    assert embeddings.shape == (2, dim)
    assert np.isfinite(embeddings).all()
    assert np.abs(embeddings - own).max() > 1e-3
    visual = model_of(larger).model.visual
    positions = (visual.attnpool if name == "RN50" else visual).positional_embedding
    assert len(positions) == 14 * 14 + 1
    # texts do not change
    np.testing.assert_array_equal(
        larger.transform(["a dog"]), OpenCLIPEncoder(name, None).transform(["a dog"])
    )


def test_agrees_with_open_clip_for_transformers():
    positions = torch.randn(50, 8)
    state = {"visual.positional_embedding": positions}
    larger = SimpleNamespace(visual=SimpleNamespace(grid_size=(14, 14)))
    resize_pos_embed(state, larger)
    torch.testing.assert_close(
        interpolate_positions(positions, 14), state["visual.positional_embedding"]
    )


def test_interpolated_positions():
    # a slope stays a slope, and the first row (class token) does not change
    slope = torch.arange(7.0).repeat(7, 1).flatten()  # x, in cells
    positions = torch.cat([torch.tensor([-5.0]), slope])[:, None]
    larger = interpolate_positions(positions, 14)
    assert larger.shape == (197, 1)
    assert larger[0] == -5
    grid = larger[1:].reshape(14, 14)
    torch.testing.assert_close(grid[:, 4:10], (torch.arange(4, 10) / 2 - 0.25).repeat(14, 1))
    torch.testing.assert_close(interpolate_positions(positions, 7), positions)


def test_cells_must_fit(scenes):
    encoder = OpenCLIPEncoder("RN50", None, image_size=250)
    with pytest.raises(ValueError, match=r"image_size=250 must be a multiple of 32.*try 256"):
        encoder.transform(scenes.images[:1])


def test_other_towers_cannot_be_changed(scenes):
    encoder = OpenCLIPEncoder("MobileCLIP-S1", None, image_size=512)
    with pytest.raises(ValueError, match=r"image_size=512 cannot be set .* TimmModel"):
        encoder.transform(scenes.images[:1])


def test_resize_mode_decides_what_is_seen(encoder):
    wide = Image.new("RGB", (300, 100), "white")
    marked = wide.copy()
    marked.paste("red", (0, 0, 60, 100))  # outside the central square
    assert_same = np.testing.assert_allclose
    cropped = OpenCLIPEncoder("tai-tiny", resize_mode="shortest")
    assert_same(cropped.transform([wide]), cropped.transform([marked]), atol=1e-6)
    assert_same(cropped.transform([wide]), encoder.transform([wide]), atol=1e-6)
    for mode in ("squash", "longest"):
        whole = OpenCLIPEncoder("tai-tiny", resize_mode=mode)
        a, b = whole.transform([wide, marked])
        assert np.abs(a - b).max() > 1e-3


def test_size_is_part_of_the_cache_key(scenes, tmp_path):
    small = OpenCLIPEncoder("tai-tiny", cache=tmp_path)
    size = 2 * model_of(small).model.visual.image_size
    large = OpenCLIPEncoder("tai-tiny", image_size=size, cache=tmp_path)
    a, b = small.transform(scenes.images[:1]), large.transform(scenes.images[:1])
    assert np.abs(a - b).max() > 1e-3
    assert any(tmp_path.iterdir())  # the cache was used


def test_lines_cannot_be_resized_to_a_square():
    line = Image.new("RGB", (900, 1))
    longest = OpenCLIPEncoder("tai-tiny", resize_mode="longest")
    with pytest.raises(ValueError, match=r"X\[1\]: the PIL image is 900 x 1 pixels.* 'squash'"):
        longest.transform([Image.new("RGB", (9, 9)), line])
    longest.set_params(on_error="nan")
    with pytest.warns(UserWarning, match="could not be read"):
        assert np.isnan(longest.transform([line])).all()
