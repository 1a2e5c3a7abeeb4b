import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_tai import RandomPerturbation


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(2000, 16)).astype(np.float32)


def noise_of(X, **params):
    return RandomPerturbation(random_state=0, **params).fit_transform(X) - X


def test_surface_has_the_radius(X):
    np.testing.assert_allclose(
        np.linalg.norm(noise_of(X, radius=3.0, relative=False), axis=1), 3, rtol=1e-5
    )


def test_relative_radius_is_in_mean_norms(X):
    mean_norm = np.linalg.norm(X, axis=1).mean()
    np.testing.assert_allclose(
        np.linalg.norm(noise_of(X, radius=2), axis=1), 2 * mean_norm, rtol=1e-5
    )


def test_length_in_the_interior_is_uniform(X):
    # the paper: "excessive sampling of noise near the center", so not uniform in volume
    lengths = np.linalg.norm(noise_of(X, radius=3.0, relative=False, surface=False), axis=1)
    quartiles = np.quantile(lengths / 3, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, [0.25, 0.5, 0.75], atol=0.04)


def test_direction_is_uniform(X):
    noise = noise_of(X, radius=1.0, relative=False)
    np.testing.assert_allclose(noise.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(noise.T @ noise / len(X), np.eye(16) / 16, atol=0.01)


def test_transform_is_the_identity(X):
    noise = RandomPerturbation().fit(X)
    np.testing.assert_array_equal(noise.transform(X), X)


def test_fresh_noise_each_batch(X):
    noise = RandomPerturbation(random_state=0).fit(X)
    batch = torch.from_numpy(X[:8])
    assert not torch.equal(noise.perturb(batch), noise.perturb(batch))
    same = [noise.perturb(batch, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*same)


def test_random_state(X):
    noise = RandomPerturbation(random_state=3)
    np.testing.assert_array_equal(noise.fit_transform(X), clone(noise).fit_transform(X))
    assert not np.array_equal(
        noise.fit_transform(X), RandomPerturbation(random_state=4).fit_transform(X)
    )


def test_in_a_pipeline(X):
    y = (X[:, 0] > 0).astype(int)
    pipe = make_pipeline(RandomPerturbation(0.1, random_state=0), LogisticRegression()).fit(X, y)
    assert pipe.score(X, y) > 0.9


def test_radius_zero_changes_nothing(X):
    np.testing.assert_array_equal(RandomPerturbation(0).fit_transform(X), X)


def test_negative_radius():
    with pytest.raises(ValueError, match="'radius' parameter"):
        RandomPerturbation(-1).fit([[1.0]])


def test_radius_auto():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 16)) + 1
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    spread = (unit @ unit.T)[np.triu_indices(300, 1)].std()
    radius = np.sqrt(16 * spread / 4)
    noise = RandomPerturbation().fit(X)
    assert noise.radius == "auto"
    assert noise.radius_ == pytest.approx(radius * np.linalg.norm(X, axis=1).mean())
    # radius_ is a length in the embeddings' units, whether relative or not
    assert RandomPerturbation(relative=False).fit(X).radius_ == pytest.approx(noise.radius_)
    assert RandomPerturbation().fit(7 * X).radius_ == pytest.approx(7 * noise.radius_)
    # images do not count: they say nothing about how far apart texts are
    both = np.vstack([X, np.ones((5, 16))])
    modality = ["text"] * 300 + ["image"] * 5
    assert RandomPerturbation().fit(both, modality=modality).radius_ == noise.radius_
    # with more texts, a sample is used
    many = RandomPerturbation().fit(np.repeat(X, 10, axis=0)).radius_
    assert many == pytest.approx(noise.radius_, rel=0.02)


@pytest.mark.parametrize("X", [np.ones((1, 4)), np.ones((5, 4)), np.ones((2, 4))])
def test_radius_auto_without_spread_is_the_papers(X):
    assert RandomPerturbation().fit(X).radius_ == pytest.approx(2.5 * 2)


def test_noise_of_the_covariance_of_texts():
    rng = np.random.default_rng(0)
    scales = np.array([3.0, 1.0, 0.0])
    X = rng.normal(size=(4000, 3)) * scales + 5
    perturbation = RandomPerturbation(2, covariance="texts", random_state=0).fit(X)
    noise = perturbation.fit_transform(X) - X
    np.testing.assert_allclose(np.linalg.norm(noise, axis=1), perturbation.radius_, rtol=1e-6)
    np.testing.assert_allclose(noise[:, 2], 0, atol=1e-6)  # texts do not differ here
    directions = noise[:, :2] * [1 / 3, 1]
    angles = np.arctan2(directions[:, 1], directions[:, 0])
    np.testing.assert_allclose(np.histogram(angles, 8)[0] / 500, 1, atol=0.2)  # uniform
    few = RandomPerturbation(2, covariance="texts", random_state=0).fit_transform(X[:2])
    assert np.isfinite(few).all()
