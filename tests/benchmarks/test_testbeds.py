"""The benchmarks' testbeds: real photos in a folder, and resampled images."""

import argparse
import importlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from sklearn_tai import OpenCLIPEncoder
from sklearn_tai.metrics import mean_average_precision

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(
    not BENCHMARKS.is_dir(), reason="benchmarks are not installed with the package"
)


@pytest.fixture
def study(monkeypatch):
    """Import a module of the benchmarks, which are not installed."""
    monkeypatch.syspath_prepend(str(BENCHMARKS.parent))
    return importlib.import_module


def options(testbed, ground=None):
    return argparse.Namespace(testbed=testbed, ground=ground, n_texts=None)


def test_a_missing_ground_is_named(study, tmp_path):
    load = study("benchmarks.testbeds").load_testbed
    with pytest.raises(SystemExit, match=r"SKLEARN_TAI_GROUND.*docs/evidence/ground\.md"):
        load(options("photos"))
    with pytest.raises(SystemExit, match=r"has no photos/labels\.json.*docs/evidence/ground\.md"):
        load(options("photos", tmp_path))
    with pytest.raises(SystemExit, match=r"has no published\.npz"):
        load(options("published", tmp_path))


def test_photos_alone_go_through_one_model(study, tmp_path, scenes, image_embeddings, monkeypatch):
    testbeds = study("benchmarks.testbeds")
    monkeypatch.setattr(testbeds, "photo_encoder", lambda _: OpenCLIPEncoder("tai-tiny"))
    (tmp_path / "photos" / "images").mkdir(parents=True)
    rows = {"7": {"labels": ["dog", "bus"]}, "12": {"labels": []}, "5": {"split": "val2017"}}
    for i, key in enumerate(rows):
        scenes.images[i].save(tmp_path / "photos" / "images" / f"{key:0>12}.jpg", quality=95)
        rows[key].setdefault("labels", ["cat"])
    (tmp_path / "photos" / "labels.json").write_text(json.dumps(rows))
    args = options("photos", tmp_path)
    bed = testbeds.load_testbed(args)
    assert args.n_texts == 3000
    assert bed.label_names == ["bus", "dog"]
    assert bed.Y.tolist() == [[1, 1], [0, 0]]
    assert bed.images.shape == (2, 10, 256)  # with regions
    assert bed.unlabelled.shape == (2, 256)
    cosines = (bed.wholes * image_embeddings[:2]).sum(axis=1) / np.prod(
        [np.linalg.norm(x, axis=1) for x in (bed.wholes, image_embeddings[:2])], axis=0
    )
    assert cosines.min() > 0.95
    assert bed.zero_shot().predict_proba(bed.pictures).shape == (2, 2)


def test_some_labels_of_a_testbed(study, encoder):
    Testbed = study("benchmarks.testbeds").Testbed
    Y = np.array([[1, 0, 1, 1], [0, 0, 1, 0]])
    bed = Testbed("photos", encoder, np.eye(2), Y, list("abcd"), np.eye(2), None, np.eye(4))
    some = study("benchmarks.accuracy.headline").of_some_labels(bed, 3, 0)
    assert sorted(some.label_names) == ["a", "c", "d"]  # no image shows b
    places = ["abcd".index(name) for name in some.label_names]
    np.testing.assert_array_equal(some.Y, Y[:, places])
    np.testing.assert_array_equal(some.prompts, np.eye(4)[places])
    assert len(some.zero_shot().label_embeddings_) == 3


def test_resampled_is_mean_average_precision_of_the_drawn_images(study):
    rng = np.random.default_rng(0)
    Y, scores = rng.integers(0, 2, (30, 4)), rng.normal(size=(30, 4))
    Y[:, 3] = 0
    counts = rng.multinomial(30, np.full(30, 1 / 30), size=5)
    found = study("benchmarks.accuracy.headline").resampled(Y, scores, counts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for draw, value in zip(counts, found):
            rows = np.repeat(np.arange(30), draw)
            assert value == pytest.approx(mean_average_precision(Y[rows], scores[rows]))
    nothing = study("benchmarks.accuracy.headline").resampled(Y[:, 3:], scores[:, 3:], counts)
    assert np.isnan(nothing).all()
