import pickle
import sqlite3
import weakref
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from sklearn.base import clone

import sklearn_tai
from sklearn_tai import OpenCLIPEncoder
from sklearn_tai.encoders import PRESETS
from sklearn_tai.encoders._cache import MemoryCache
from sklearn_tai.encoders._chunk import Chunk
from sklearn_tai.exceptions import WeightsError
from tests.models import forget_embeddings, forget_models, n_loads
from tests.networks import with_network
from tests.processes import new_processes


def test_agrees_with_open_clip(encoder, scenes):
    folder = f"local-dir:{Path(sklearn_tai.encoders.__file__).parent / 'models' / 'tai-tiny'}"
    model, _, preprocess = open_clip.create_model_and_transforms(folder)
    tokenize = open_clip.get_tokenizer(
        folder, bpe_path=str(Path(folder.removeprefix("local-dir:")) / "bpe.txt.gz")
    )
    model.eval()
    texts, images = ["a photo of a dog", "sheep"], scenes.images[:2]
    with torch.no_grad():
        expected = torch.cat(
            [
                model.encode_text(tokenize(texts)),
                model.encode_image(torch.stack([preprocess(image) for image in images])),
            ]
        )
    np.testing.assert_allclose(encoder.transform([*texts, *images]), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "dim"), [("RN50", 1024), ("ViT-B-32", 512)])
def test_real_architectures_with_random_weights(name, dim, scenes):
    encoder = OpenCLIPEncoder(name, pretrained=None)
    embeddings = encoder.transform(["a dog", scenes.images[0], "a cat"])
    assert embeddings.shape == (3, dim)
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()
    np.testing.assert_allclose(embeddings[[0]], clone(encoder).transform(["a dog"]), atol=1e-5)


def test_order_and_batches(encoder, scenes):
    items = ["a dog", scenes.images[0], "two cats and a bus", scenes.images[1], "a boat"]
    together = encoder.transform(items)
    one_by_one = np.vstack([encoder.transform([item]) for item in items])
    np.testing.assert_allclose(together, one_by_one, atol=1e-4)
    small = clone(encoder).set_params(batch_size=2).transform(items)
    np.testing.assert_allclose(together, small, atol=1e-4)


def test_kinds_of_images_agree(encoder, scenes, tmp_path):
    image = scenes.images[0]
    image.save(tmp_path / "scene.png")
    embeddings = encoder.transform([image, np.asarray(image), tmp_path / "scene.png"])
    np.testing.assert_allclose(embeddings, np.repeat(embeddings[:1], 3, axis=0), atol=1e-5)


def test_normalize(encoder):
    texts = ["a dog", "a cat"]
    unit = clone(encoder).set_params(normalize=True).transform(texts)
    raw = encoder.transform(texts)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(unit, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)


def test_weights_are_shared_and_never_pickled(encoder):
    encoder.transform(["a dog"])
    before = n_loads()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: clone(encoder).transform(["a dog"]), range(4)))
    assert n_loads() == before
    assert len(pickle.dumps(encoder)) < 1000
    again = pickle.loads(pickle.dumps(encoder)).transform(["a dog"])
    np.testing.assert_array_equal(again, encoder.transform(["a dog"]))


def test_loading_leaves_the_random_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    forget_models()
    OpenCLIPEncoder("tai-tiny").transform(["a dog"])
    assert torch.equal(torch.rand(1), expected)


def test_unknown_model():
    with pytest.raises(ValueError, match="'RN5O' is not a model of open_clip; did you mean 'RN5"):
        OpenCLIPEncoder("RN5O").transform(["a dog"])
    with pytest.raises(ValueError, match="did you mean 'multilingual'"):
        OpenCLIPEncoder("multi-lingual").transform(["a dog"])


def test_names_as_openai_writes_them():
    texts = ["a dog"]
    found = OpenCLIPEncoder("ViT-B/32", None).transform(texts)
    np.testing.assert_array_equal(found, OpenCLIPEncoder("ViT-B-32", None).transform(texts))


def test_presets_are_models_of_open_clip():
    for preset in PRESETS.values():
        assert preset.pretrained in open_clip.list_pretrained_tags_by_model(preset.model_name)
        with torch.device("meta"):
            model = open_clip.create_model(preset.model_name, device="meta")
        assert preset.n_parameters == round(sum(p.numel() for p in model.parameters()) / 1e6)


def test_the_menu_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "howto" / "encoder.md").read_text()
    for name, preset in PRESETS.items():
        (row,) = (line for line in page.splitlines() if line.startswith(f'| `"{name}"` '))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == f"{preset.model_name}, {preset.pretrained}"
        assert cells[2] == preset.purpose
        assert cells[3:5] == [f"{preset.n_parameters} M", preset.licence]
        assert cells[5] == f"[{preset.imagenet}]({preset.source})"
        assert cells[6] == ("yes" if preset.measured else "no")


@pytest.mark.parametrize("name", ["tai-tiny", "best", "hf-hub:a/b", "local-dir:/folder"])
@pytest.mark.parametrize("weights", ["openai", None])
def test_models_with_their_own_weights_refuse_others(name, weights):
    with pytest.raises(ValueError, match=r"cannot be used: .* brings its own weights"):
        OpenCLIPEncoder(name, weights).transform(["a dog"])


@pytest.mark.parametrize("name", ["ViT-H-14", "ViT-M-32"])
def test_weights_that_must_be_chosen(name):
    with pytest.raises(ValueError, match=r"published weights\. Set pretrained to"):
        OpenCLIPEncoder(name).transform(["a dog"])


def test_unknown_weights():
    with pytest.raises(
        ValueError, match=r"'opnai' is neither a tag of 'RN50' nor a file.*'openai'"
    ):
        OpenCLIPEncoder("RN50", "opnai").transform(["a dog"])


def test_missing_folder():
    with pytest.raises(WeightsError, match="there is no folder '/no/such/folder'"):
        OpenCLIPEncoder("local-dir:/no/such/folder").transform(["a dog"])


@pytest.mark.parametrize("settings", ["", "[]", '{"model": 1}', '{"model_cfg": {"a": 1}}'])
def test_damaged_folder(settings, tmp_path):
    (tmp_path / "open_clip_config.json").write_text(settings)
    with pytest.raises(WeightsError, match=r"(cannot be read as settings|cannot be used)"):
        OpenCLIPEncoder(f"local-dir:{tmp_path}").transform(["a dog"])


@pytest.mark.parametrize(
    ("X", "message"),
    [([], "X is empty"), (np.ones((2, 3)), "numeric matrix"), ("a dog", "single item")],
)
def test_bad_input(encoder, X, message):
    with pytest.raises(ValueError, match=message):
        encoder.transform(X)


def test_bad_parameters():
    with pytest.raises(ValueError, match="'batch_size' parameter"):
        OpenCLIPEncoder("tai-tiny", batch_size=0).transform(["a dog"])


def test_progress_bar(encoder, scenes, capsys):
    encoder.transform(["a dog"])
    assert capsys.readouterr().err == ""
    clone(encoder).set_params(verbose=1).transform(["a dog", scenes.images[0]])
    shown = capsys.readouterr().err
    assert "Encoding" in shown
    assert "2/2" in shown


def test_cache(encoder, scenes, tmp_path):
    cached = clone(encoder).set_params(cache=tmp_path, batch_size=2)
    items = ["a dog", scenes.images[0], "a dog", "a cat"]
    first = cached.transform(items)
    np.testing.assert_allclose(first, encoder.transform(items), atol=1e-5)
    np.testing.assert_array_equal(cached.transform(items[::-1]), first[::-1])
    # the embeddings on disk are used
    sevens = np.full(first.shape[1], 7, np.float32).tobytes()
    with closing(sqlite3.connect(tmp_path / "embeddings.sqlite")) as db, db:
        for (key,) in db.execute("SELECT key FROM embedding").fetchall():
            check = zlib.crc32(key.encode() + sevens).to_bytes(4, "big")
            db.execute("UPDATE embedding SET vector = ? WHERE key = ?", (sevens + check, key))
    assert (cached.transform(["a cat"]) == 7).all()


def test_cache_reports_the_right_item(encoder, tmp_path):
    cached = clone(encoder).set_params(cache=tmp_path)
    cached.transform(["a dog"])
    with pytest.raises(FileNotFoundError, match=r"X\[1\]"):
        cached.transform(["a dog", tmp_path / "none.png"])


def encode_fifty(k, cache):
    encoder = OpenCLIPEncoder("tai-tiny", cache=cache)
    for i in range(50):
        encoder.transform([f"{k}-{i}", "same"])


def test_cache_with_many_processes(tmp_path):
    with new_processes(3) as pool:
        pool.starmap(encode_fifty, [(k, tmp_path) for k in range(3)])
    with closing(sqlite3.connect(tmp_path / "embeddings.sqlite")) as db:
        assert db.execute("SELECT COUNT(*) FROM embedding").fetchone() == (151,)


@pytest.fixture
def encoded(monkeypatch):
    """The texts and images encoded by a model so far."""
    seen, original = [], Chunk._encode

    def spy(chunk, rows):
        seen.extend(chunk.items[row] for row in rows)
        return original(chunk, rows)

    monkeypatch.setattr(Chunk, "_encode", spy)
    return seen


def test_memory_keeps_embeddings(encoder, encoded, scenes):
    items = ["a new text", scenes.images[5], "a new text"]
    forget_embeddings()
    first = encoder.transform(items)
    assert len(encoded) == 2  # the repeated text only once
    np.testing.assert_array_equal(clone(encoder).transform(items), first)
    assert len(encoded) == 2
    # another precision is another model
    clone(encoder).set_params(precision="bf16").transform(items[:1])
    assert len(encoded) == 3
    clone(encoder).set_params(cache=None).transform(items[:1])
    assert len(encoded) == 4


def test_a_second_fit_encodes_nothing(encoder, encoded, tmp_path):
    texts, Y = [f"text {i}" for i in range(40)], np.eye(4)[np.arange(40) % 4]
    clf = with_network(
        clone(encoder).set_params(cache=tmp_path), hidden_layer_sizes=(), max_epochs=1
    )
    clf.fit(texts, Y)
    assert sorted(encoded) == sorted(texts)
    clf.fit(texts, Y)
    assert len(encoded) == 40
    clf.fit([*texts, "one more"], np.vstack([Y, Y[:1]]))
    assert encoded[40:] == ["one more"]


def test_memory_is_bounded():
    cache = MemoryCache(max_bytes=4 * 4 * 3)
    for key in "abcd":
        cache.put([key], np.full((1, 4), ord(key)))
        cache.get(["a"])  # recently used, so it stays
    assert sorted(cache.get("abcd")) == ["a", "c", "d"]
    assert cache.n_bytes == 48
    cache.put(["d"], np.zeros((1, 4)))
    assert cache.n_bytes == 48


def test_disk_cache_never_unpickles(encoder, tmp_path):
    cached = clone(encoder).set_params(cache=tmp_path)
    expected = cached.transform(["a dog"])
    with closing(sqlite3.connect(tmp_path / "embeddings.sqlite")) as db:
        (blob,) = db.execute("SELECT vector FROM embedding").fetchone()
    assert len(blob) == 4 * expected.shape[1] + 4  # plain numbers and a checksum
    np.testing.assert_array_equal(np.frombuffer(blob[:-4], np.float32), expected[0])


def count_encoded(cache):
    """The number of texts encoded in this process, and the sum of all embeddings."""
    n, original = 0, Chunk._encode

    def count(chunk, rows):
        nonlocal n
        n += len(rows)
        return original(chunk, rows)

    Chunk._encode = count  # this process ends with the function
    texts = [f"text number {i}" for i in range(700)]
    encoder = OpenCLIPEncoder("tai-tiny", cache=cache, batch_size=4)
    encoder.transform(["warm up"])
    embeddings = encoder.transform(texts)
    return n, embeddings.sum()


def test_processes_share_the_work(tmp_path):
    with new_processes(2) as pool:
        counts, sums = zip(*pool.map(count_encoded, [tmp_path] * 2))
    assert sums[0] == pytest.approx(sums[1], rel=1e-5)
    assert 701 <= sum(counts) < 2 * 701


def test_iterators_are_read_as_needed(encoder, scenes):
    read = []

    def stream():
        for i in range(70):
            read.append(i)
            yield scenes.images[i]

    small = clone(encoder).set_params(batch_size=2, cache=None)
    batches = small.iter_batches(stream())
    assert next(batches).rows.tolist() == [0, 1]
    assert len(read) == 32  # 16 batches
    rest = np.concatenate([batch.embeddings for batch in batches])
    np.testing.assert_allclose(rest, encoder.transform(scenes.images[2:70]), atol=1e-4)
    with pytest.raises(ValueError, match="X is empty"):
        encoder.transform(iter([]))
    with pytest.raises(TypeError, match=r"X\[33\] is of type int"):
        small.transform(chain(scenes.images[:33], [1]))


def test_memory_does_not_grow_with_the_number_of_images(encoder):
    alive = most = 0

    class Picture(np.ndarray):
        pass

    def forget():
        nonlocal alive
        alive -= 1

    def stream(n):
        nonlocal alive, most
        for _ in range(n):
            picture = np.zeros((8, 8, 3), np.uint8).view(Picture)
            weakref.finalize(picture, forget)
            alive += 1
            most = max(most, alive)
            yield picture

    small = clone(encoder).set_params(batch_size=2, cache=None)
    assert len(small.transform(stream(200))) == 200
    assert most <= 2 * 32 + 1  # a chunk of 16 batches, and the next one


@pytest.mark.parametrize("name", ["tai-tiny", "RN50", "ViT-B-32"])
def test_half_precision_is_close(name, scenes):
    items = ["a photo of a dog", "two cats and a bus on a road", *scenes.images[:3]]
    weights = "auto" if name == "tai-tiny" else None
    full = OpenCLIPEncoder(name, weights, cache=None).transform(items)
    half = OpenCLIPEncoder(name, weights, cache=None, precision="bf16").transform(items)
    assert half.dtype == np.float32
    cosine = (full * half).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(half, axis=1)
    assert cosine.min() >= 0.999


def test_images_are_read_in_threads_and_errors_come_through(encoder, scenes, tmp_path):
    for i in range(9):
        scenes.images[i].save(tmp_path / f"{i}.png")
    paths = sorted(tmp_path.glob("*.png"))
    small = clone(encoder).set_params(batch_size=2, cache=None)
    np.testing.assert_allclose(
        small.transform(paths), encoder.transform(scenes.images[:9]), atol=1e-4
    )
    paths[6].write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"X\[6\]: .*6.png' cannot be read"):
        small.transform(paths)
    lazy = Image.open(paths[0])
    np.testing.assert_allclose(
        small.transform([lazy] * 5), encoder.transform(scenes.images[:1] * 5), atol=1e-4
    )


def test_bad_images_need_not_stop(encoder, scenes, tmp_path):
    good = tmp_path / "good.png"
    scenes.images[0].save(good)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    paths = [good, tmp_path / "bad.png", good, tmp_path / "none.png", good]
    lenient = clone(encoder).set_params(on_error="nan", batch_size=2, cache=tmp_path / "cache")
    for _ in range(2):  # failures are not cached
        with pytest.warns(UserWarning, match=r"2 images could not be read.*X\[1\].*X\[3\]"):
            embeddings = lenient.transform(paths)
        assert np.isnan(embeddings).all(axis=1).tolist() == [False, True, False, True, False]
        np.testing.assert_allclose(embeddings[[0]], encoder.transform([good]), atol=1e-5)
    scenes.images[0].save(tmp_path / "bad.png")  # repaired
    with pytest.warns(UserWarning, match="1 images could not be read"):
        assert np.isfinite(lenient.transform(paths)[1]).all()
