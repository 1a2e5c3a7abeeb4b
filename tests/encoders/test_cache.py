"""What is found in a cache belongs to what was asked, and a cache that fails costs time only."""

import copy
import itertools

import numpy as np
import torch
from PIL import Image

from sklearn_tai.encoders._cache import content_key
from tests.models import model_of


def pictures():
    """Pictures that look different, or are turned, from pixels that look alike."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    yield Image.fromarray(small)
    for mode in ("P", "RGB", "RGBA", "LA", "1", "CMYK", "HSV", "YCbCr"):
        yield Image.fromarray(small).convert("L").convert(mode)
    for high in (0, 1):  # the upper byte alone is seen
        yield Image.fromarray(small.astype(np.uint16) + 256 * high)
    for orientation in (3, 6):
        turned = Image.fromarray(small)
        turned.getexif()[0x0112] = orientation
        yield turned
    for alpha in (0, 255):
        palette = Image.new("P", (6, 4), 1)
        palette.putpalette([9, 9, 9, 255, 50, 60, 70, alpha], "RGBA")
        yield palette
    transparent = Image.new("P", (6, 4), 1)
    transparent.putpalette([9, 9, 9, 50, 60, 70])
    transparent.info["transparency"] = 1
    yield transparent
    yield Image.fromarray(small.T.copy())


def test_every_picture_has_a_key_of_its_own():
    keys = [content_key("", picture) for picture in pictures()]
    assert len(set(keys)) == len(keys)
    assert keys == [content_key("", picture) for picture in pictures()]


def test_no_kind_of_item_stands_for_another(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    zeros = np.zeros((2, 3, 3), np.uint8)
    items = [
        "a",
        tmp_path / "a",
        zeros,
        zeros.reshape(3, 2, 3),
        Image.fromarray(zeros),
        "",
        "texta",
    ]
    keys = [content_key("", item) for item in items]
    assert len(set(keys)) == len(keys)


def changes(loaded):
    """Models that embed in another way, with the same weights."""

    def change(name, value):
        other = copy.copy(loaded)
        other.model = copy.deepcopy(loaded.model)
        vars(other).pop("fingerprint", None)
        parent, _, attribute = name.rpartition(".")
        setattr(other.model.get_submodule(parent), attribute, value)
        return other

    yield loaded
    yield change("transformer.resblocks.0.attn.num_heads", 2)
    yield change("text_pool_type", "last")
    yield change("transformer.resblocks.0.mlp.gelu", torch.nn.Tanh())
    yield change("attn_mask", torch.zeros_like(loaded.model.attn_mask))
    yield change("ln_final.eps", 0.5)
    other = copy.copy(loaded)
    vars(other).pop("fingerprint", None)
    other.tokenize = lambda texts: loaded.tokenize([text[:5] for text in texts])
    yield other


def test_the_fingerprint_tells_models_apart(encoder):
    models = list(changes(model_of(encoder)))
    for one, other in itertools.combinations(models, 2):
        assert one.fingerprint != other.fingerprint


def test_the_fingerprint_of_a_copy_is_the_same(encoder):
    loaded = model_of(encoder)
    other = copy.copy(loaded)
    vars(other).pop("fingerprint", None)
    other.model = copy.deepcopy(loaded.model)
    assert other.fingerprint == loaded.fingerprint
