import numpy as np
import pytest
import torch

from sklearn_tai import MixedPerturbation, RandomPerturbation
from sklearn_tai.model_selection import few_shot_indices
from tests.networks import with_network

TEXTS_AND_IMAGES = np.array(["text"] * 60 + ["image"] * 40)


@pytest.fixture
def X():
    X = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    X[60:] *= 3
    return X


def small(perturbation):
    return with_network(
        None,
        perturbation,
        hidden_layer_sizes=(64,),
        max_lr=5e-3,
        max_epochs=5,
    )


def test_each_modality_has_its_radius(X):
    noise = MixedPerturbation(2, 0.1, random_state=0)
    lengths = np.linalg.norm(noise.fit_transform(X, modality=TEXTS_AND_IMAGES) - X, axis=1)
    unit = np.linalg.norm(X[:60], axis=1).mean()  # only the texts
    np.testing.assert_allclose(lengths[:60], 2 * unit, rtol=1e-5)
    np.testing.assert_allclose(lengths[60:], 0.1 * unit, rtol=1e-4)


def test_absolute_radii(X):
    noise = MixedPerturbation(25, 1, relative=False).fit(X, modality=TEXTS_AND_IMAGES)
    assert (noise.radius_, noise.image_radius_) == (25, 1)


def test_images_alone_give_the_unit(X):
    noise = MixedPerturbation(2, 1).fit(X, modality=["image"] * 100)
    assert noise.image_radius_ == pytest.approx(np.linalg.norm(X, axis=1).mean())


def test_without_images_it_is_the_random_perturbation_exactly(X):
    same = [P(2, random_state=0).fit_transform(X) for P in (RandomPerturbation, MixedPerturbation)]
    np.testing.assert_array_equal(*same)
    Y = (X[:, :3] > 0).astype(int)
    fits = [small(P(2)).fit(X, Y) for P in (RandomPerturbation, MixedPerturbation)]
    np.testing.assert_array_equal(*(clf.predict_proba(X) for clf in fits))


def test_equal_radii_are_the_random_perturbation(X):
    noise = MixedPerturbation(1, 1, surface=False, random_state=0)
    expected = RandomPerturbation(1, surface=False, random_state=0)
    np.testing.assert_array_equal(
        noise.fit_transform(X, modality=TEXTS_AND_IMAGES),
        expected.fit_transform(X, modality=TEXTS_AND_IMAGES),
    )


def test_perturb_takes_the_modality_of_a_batch(X):
    noise = MixedPerturbation(2, 0, relative=False).fit(X, modality=TEXTS_AND_IMAGES)
    batch = torch.from_numpy(X[58:62])
    moved = noise.perturb(batch, torch.tensor([False, False, True, True]))
    assert torch.equal(moved[2:], batch[2:])
    np.testing.assert_allclose((moved - batch)[:2].norm(dim=1), 2, rtol=1e-5)


def test_a_few_images_help(corpus, text_embeddings, image_embeddings, scenes):
    shots = few_shot_indices(scenes.Y[:200], 12, random_state=0)
    X = np.vstack([text_embeddings, image_embeddings[shots]])
    Y = np.vstack([corpus[1], scenes.Y[shots]])
    modality = np.repeat(["text", "image"], [len(text_embeddings), len(shots)])
    test = image_embeddings[200:], scenes.Y[200:]
    clf = small(MixedPerturbation()).set_params(
        adapter__hidden_layer_sizes=(128,), adapter__max_epochs=20
    )
    without = clf.fit(text_embeddings, corpus[1]).score(*test)
    assert clf.fit(X, Y, modality=modality).score(*test) > without + 0.01


@pytest.mark.parametrize(
    ("modality", "message"),
    [
        (["text"] * 99, r"shape \(99,\); expected \(100,\)"),
        (["text"] * 99 + ["picture"], r"modality\[99\] is .*'picture'"),
    ],
)
def test_bad_modality(X, modality, message):
    with pytest.raises(ValueError, match=message):
        MixedPerturbation().fit(X, modality=modality)


@pytest.mark.parametrize("params", [{"image_radius": -1}, {"image_share": 1}])
def test_bad_parameters(X, params):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter"):
        MixedPerturbation(**params).fit(X)
