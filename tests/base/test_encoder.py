"""Scores of images from whole and regions, for every kind of input."""

import copy
import pickle

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.preprocessing import normalize, scale

from sklearn_tai import OpenCLIPEncoder, TextAsImageClassifier, ZeroShotClassifier
from sklearn_tai.base import pool_regions
from sklearn_tai.exceptions import ImageNotFoundError, ImageReadError, UnreadableImagesWarning
from tests.models import forget_embeddings


@pytest.fixture(scope="module")
def regions(encoder, scenes):
    return encoder.transform_regions(scenes.images[:6])


def weighted(clf, weight):
    clf = copy.copy(clf)
    clf.region_weight = weight
    return clf


def test_the_rule_by_hand(default_clf, regions):
    whole = default_clf.decision_function(regions[:, 0])
    of_regions = np.stack(
        [default_clf.decision_function(regions[:, k]) for k in range(1, regions.shape[1])], axis=1
    )
    # 2 % of 9 regions is 1; its score is lowered by slope (1.5) * region_lift (2)
    expected = 0.7 * whole + 0.3 * (of_regions.max(axis=1) - 3)
    found = weighted(default_clf, 0.3).decision_function(regions)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    proba = weighted(default_clf, 0.3).predict_proba(regions)
    np.testing.assert_allclose(proba, expit(expected), atol=1e-5)


def test_best_regions_are_two_percent():
    scores = torch.arange(197.0).flip(0).repeat(2, 1)[:, :, None]
    best = torch.tensor([195.0, 194, 193, 192]).mean()
    assert pool_regions(scores, 0.25)[1, 0] == pytest.approx(0.75 * 196 + 0.25 * best)
    assert torch.equal(pool_regions(scores, "auto"), pool_regions(scores, 0.5))


@pytest.mark.parametrize("standardize", [False, True])
def test_zero_shot_standardises_each_region(encoder, scenes, regions, standardize):
    clf = ZeroShotClassifier(scenes.label_names, encoder, standardize=standardize).fit()
    cosines = normalize(regions.reshape(-1, regions.shape[2])) @ clf.label_embeddings_.T
    scores = scale(cosines.astype(float), axis=1) if standardize else cosines
    scores = scores.reshape(*regions.shape[:2], -1)
    lift = 1.3 if standardize else 0
    expected = (scores[:, 0] + scores[:, 1:].max(axis=1) - lift) / 2
    np.testing.assert_allclose(clf.decision_function(regions), expected, atol=1e-4)
    proba = clf.predict_proba(regions)
    if standardize:
        np.testing.assert_allclose(proba, expit(1.5 * (expected - 3)), atol=1e-4)
    else:
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


def test_images_iterators_and_arrays_agree(default_clf, scenes, regions):
    images, expected = scenes.images[:6], default_clf.predict_proba(regions)
    np.testing.assert_array_equal(default_clf.predict_proba(images), expected)
    np.testing.assert_array_equal(default_clf.predict_proba(iter(images)), expected)
    again = pickle.loads(pickle.dumps(default_clf))
    np.testing.assert_array_equal(again.predict_proba(images), expected)
    mixed = default_clf.predict_proba([images[1], "a photo of a dog", images[0]])
    np.testing.assert_array_equal(mixed[[0, 2]], expected[[1, 0]])
    np.testing.assert_array_equal(mixed[1:2], default_clf.predict_proba(["a photo of a dog"]))


def test_without_regions_the_whole_alone(default_clf, scenes, regions, image_embeddings):
    whole = weighted(default_clf, 0).predict_proba(scenes.images[:6])
    np.testing.assert_allclose(whole, default_clf.predict_proba(image_embeddings[:6]), atol=1e-6)
    np.testing.assert_array_equal(weighted(default_clf, 0).predict_proba(regions), whole)
    assert not np.allclose(default_clf.predict_proba(scenes.images[:6]), whole, atol=0.05)
    with pytest.raises(ValueError, match=r"region_weight=0.3 .* Set it to 'auto' or 0"):
        weighted(default_clf, 0.3).predict_proba(image_embeddings)
    weighted(default_clf, 0.3).predict_proba(["texts have none", "and need none"])


def test_batches_of_an_iterator(default_clf, scenes):
    clf = copy.copy(default_clf)
    clf.encoder_ = clone(clf.encoder_).set_params(batch_size=2, cache=None)
    expected, seen = default_clf.predict_proba(scenes.images[:5]), []
    for rows, proba in clf.iter_predict_proba(iter(scenes.images[:5])):
        assert len(rows) <= 2
        np.testing.assert_allclose(proba, expected[rows], atol=1e-5)
        seen += rows.tolist()
    assert seen == [0, 1, 2, 3, 4]


def test_maps(default_clf, scenes, regions):
    maps = default_clf.predict_regions(scenes.images[:6])
    assert maps.shape == (6, 3, 3, 20)
    np.testing.assert_array_equal(maps, default_clf.predict_regions(regions))
    row = regions[2, 1 + 3 * 1 + 2]  # second row, third column
    np.testing.assert_allclose(maps[2, 1, 2], default_clf.predict_proba(row[None])[0], atol=1e-6)
    some = default_clf.predict_regions(scenes.images[:6], ["bus", "dog"])
    columns = [scenes.label_names.index(name) for name in ("bus", "dog")]
    np.testing.assert_array_equal(some, maps[..., columns])
    # an image's score is the mean of the logits of the whole and the best region
    whole = logit(weighted(default_clf, 0).predict_proba(scenes.images[:6]))
    best = logit(maps.max(axis=(1, 2)))
    found = logit(default_clf.predict_proba(scenes.images[:6]))
    np.testing.assert_allclose(found, (whole + best) / 2 - 1.5, atol=1e-2)


def test_impossible_maps(default_clf, scenes, image_embeddings, regions):
    with pytest.raises(ValueError, match=r"There are no regions: .*'ViT-B-16'"):
        default_clf.predict_regions(image_embeddings)
    with pytest.raises(ValueError, match="X contains texts, which have no regions"):
        default_clf.predict_regions(["a dog"])
    with pytest.raises(ValueError, match=r"labels names \['dgo'\], which this classifier"):
        default_clf.predict_regions(scenes.images[:1], ["dgo"])
    with pytest.raises(ValueError, match="5 regions, which do not form a known grid"):
        default_clf.predict_regions(regions[:, :6])
    with pytest.raises(ValueError, match="X contains texts, which have no regions"):
        OpenCLIPEncoder("tai-tiny").transform_regions([scenes.images[0], "a dog"])


def test_arrays_of_regions_are_checked(default_clf, regions):
    with pytest.raises(ValueError, match="embeddings of dimension 255"):
        default_clf.predict(regions[:, :, 1:])
    gap = regions.copy()
    gap[1, 4, 7] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        default_clf.predict(gap)


def test_training_uses_whole_images(encoder, scenes, text_embeddings, corpus, regions):
    X = np.concatenate([np.repeat(text_embeddings[:50, None], regions.shape[1], 1), regions])
    Y = np.vstack([np.asarray(corpus[1])[:50], scenes.Y[:6]])
    modality = ["text"] * 50 + ["image"] * 6
    clf = TextAsImageClassifier(encoder)
    expected = clone(clf).fit(X[:, 0], Y, modality).predict_proba(regions)
    np.testing.assert_array_equal(clf.fit(X, Y, modality).predict_proba(regions), expected)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_the_cache_keeps_regions(scenes, tmp_path, where, monkeypatch):
    from sklearn_tai.encoders._chunk import Chunk

    n_encoded, encode = 0, Chunk._encode

    def counting(chunk, rows):
        nonlocal n_encoded
        n_encoded += len(rows)
        return encode(chunk, rows)

    monkeypatch.setattr(Chunk, "_encode", counting)
    forget_embeddings()
    encoder = OpenCLIPEncoder("tai-tiny", cache="memory" if where == "memory" else tmp_path)
    images = [*scenes.images[:3], scenes.images[0]]
    first = encoder.transform_regions(images)
    assert n_encoded == 3
    np.testing.assert_array_equal(first[0], first[3])
    np.testing.assert_array_equal(clone(encoder).transform_regions(images[::-1]), first[::-1])
    np.testing.assert_array_equal(encoder.transform(images), first[:, 0])  # cached too
    assert n_encoded == 3
    without = clone(encoder).set_params(cache=None).transform_regions(images)
    np.testing.assert_allclose(without, first, atol=1e-5)


def test_errors_of_unreadable_images_have_attributes(default_clf, scenes, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    items = [tmp_path / "none.jpg", scenes.images[0], tmp_path / "broken.jpg"]
    with pytest.raises(ImageNotFoundError) as caught:
        default_clf.predict_proba(items)
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.index, error.path, error.reason) == (0, items[0], "does not exist")
    assert str(error) == str(caught.value)
    assert isinstance(error, FileNotFoundError)
    clf = copy.copy(default_clf)
    clf.encoder_ = clone(clf.encoder_).set_params(on_error="nan")
    with pytest.warns(UnreadableImagesWarning, match="2 images could not be read") as warned:
        proba = clf.predict_proba(items)
    assert np.isnan(proba).any(axis=1).tolist() == [True, False, True]
    assert [error.index for error in warned[0].message.errors] == [0, 2]
    with pytest.warns(UnreadableImagesWarning):
        maps = clf.predict_regions(items[1:])
    assert np.isnan(maps).any(axis=(1, 2, 3)).tolist() == [False, True]
    errors = []
    list(clf.iter_predict_proba(items, errors))
    assert all(isinstance(error, ImageReadError) for error in errors)
    assert sorted(error.path.name for error in errors) == ["broken.jpg", "none.jpg"]
