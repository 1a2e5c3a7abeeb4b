"""A cache returns the right embeddings, and one that fails only costs time."""

import copy
import itertools
import os
import resource
import signal
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.preprocessing import normalize

from sklearn_tai.encoders._cache import content_key
from tests.models import model_of


def pictures():
    """Images that look different although their raw pixels are alike."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    yield Image.fromarray(small)
    for mode in ("P", "RGB", "RGBA", "LA", "1", "CMYK", "HSV", "YCbCr"):
        yield Image.fromarray(small).convert("L").convert(mode)
    for high in (0, 1):  # only the upper byte is used
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


def test_every_picture_has_its_own_key():
    keys = [content_key("", picture) for picture in pictures()]
    assert len(set(keys)) == len(keys)
    assert keys == [content_key("", picture) for picture in pictures()]


def test_every_kind_of_item_has_its_own_key(tmp_path):
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
    """Models with the same weights that give other embeddings."""

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


def damaged(folder, content):
    folder.mkdir()
    (folder / "embeddings.sqlite").write_bytes(content)


def test_unusable_caches(encoder, tmp_path):
    texts = ["a dog", "a cat"]
    expected = encoder.transform(texts)
    (tmp_path / "file").write_text("")
    damaged(tmp_path / "noise", b"\xff" * 5000)
    damaged(tmp_path / "cut", b"SQLite format 3\0" + b"\x10\0\1\1\0" + b"\0" * 200)
    (tmp_path / "folder" / "embeddings.sqlite").mkdir(parents=True)
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "embeddings.sqlite")
    for name in ("file", "noise", "cut", "folder", "pipe", "x" * 300):
        own = clone(encoder).set_params(cache=tmp_path / name)
        with pytest.warns(UserWarning, match="cannot be used .* computed again"):
            np.testing.assert_allclose(own.transform(texts), expected, atol=1e-5)


def test_damaged_vectors_are_computed_again(encoder, tmp_path):
    texts = [f"a photo of {n} dogs" for n in range(6)]
    own = clone(encoder).set_params(cache=tmp_path)
    expected = own.transform(texts)
    with closing(sqlite3.connect(tmp_path / "embeddings.sqlite")) as db, db:
        keys = [key for (key,) in db.execute("SELECT key FROM embedding")]
        blobs = [b"", b"abc", np.ones(7, np.float32).tobytes(), np.ones(257, np.float32).tobytes(),
                 "text", None]  # fmt: skip
        for key, blob in zip(keys, blobs):
            db.execute("UPDATE embedding SET vector = ? WHERE key = ?", (blob, key))
    np.testing.assert_allclose(own.transform(texts), expected, atol=1e-5)
    with closing(sqlite3.connect(tmp_path / "embeddings.sqlite")) as db:  # and repaired
        assert all(len(blob) == 4 * 257 for (blob,) in db.execute("SELECT vector FROM embedding"))


def test_full_disk(encoder, tmp_path):
    """A limit on file size has the same effect."""
    texts = [f"a photo of {n} dogs" for n in range(600)]
    expected = encoder.transform(texts)
    own = clone(encoder).set_params(cache=tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.warns(UserWarning, match="cannot be used"):
            found = own.transform(texts)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(own.transform(texts), expected, atol=1e-5)


def test_a_large_jpeg_is_kept_for_the_size_it_was_read_at(encoder, scenes, tmp_path):
    path = tmp_path / "large.jpg"
    scenes.images[0].resize((800, 800), Image.Resampling.BICUBIC).save(path, quality=95)
    sizes = [96, 288]  # decoded at half size for the first, in full for the second
    expected = {}
    for size in sizes:
        own = clone(encoder).set_params(image_size=size, cache=None)
        expected[size] = own.transform([path])
        seen = normalize(np.vstack([expected[size], own.transform([Image.open(path)])]))
        assert seen[0] @ seen[1] > 0.999
        assert (seen[0] == seen[1]).all() == (size == 288)
    for size, cache in itertools.product(sizes * 2, ["memory", tmp_path / "cache"]):
        found = clone(encoder).set_params(image_size=size, cache=cache).transform([path])
        np.testing.assert_array_equal(found, expected[size])
    # an image opened elsewhere is decoded in full, so it is a different one
    full = clone(encoder).set_params(cache=tmp_path / "cache").transform([Image.open(path)])
    assert (full != expected[96]).any()
