"""Rules that choose a radius without labelled images: a length times a constant.

All use unit vectors. A radius `r` in `d` dimensions is the temperature ``tau = r**2 / d`` of
a weighted average of the texts.
"""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from sklearn.preprocessing import normalize

from ._vocabulary_scenes import Bed


def unit(bed: Bed) -> tuple[np.ndarray, np.ndarray]:
    """Texts and unlabelled images, normalized."""
    return normalize(bed.texts), normalize(bed.unlabelled)


def _radius(temperature: float, bed: Bed) -> float:
    return float(np.sqrt(temperature * bed.texts.shape[1]))


def fixed_radius(bed: Bed) -> float:
    return 1.0


def fixed_temperature(bed: Bed) -> float:
    return _radius(1.0, bed)


def logit_scale(bed: Bed) -> float:
    return _radius(1 / bed.logit_scale, bed)


def gap(bed: Bed) -> float:
    T, U = unit(bed)
    return float(np.linalg.norm(U.mean(0) - T.mean(0)))


def nearest_distance(bed: Bed) -> float:
    T, U = unit(bed)
    return float(np.sqrt(2 - 2 * (U @ T.T).max(1)).mean())


def mean_distance(bed: Bed) -> float:
    T, U = unit(bed)
    return float(np.sqrt(np.maximum(2 - 2 * U @ T.T, 0)).mean())


def _participation(X: np.ndarray) -> float:
    w = np.linalg.eigvalsh(np.cov(X.T))
    return float(w.sum() ** 2 / (w**2).sum())


def effective_dimension(bed: Bed) -> float:
    """tau = E|v - t|^2 / d_eff over random pairs."""
    T, U = unit(bed)
    rng = np.random.default_rng(0)
    D = U[rng.integers(len(U), size=4000)] - T[rng.integers(len(T), size=4000)]
    return _radius((D**2).sum(1).mean() / _participation(D), bed)


def effective_dimension_nearest(bed: Bed) -> float:
    """The same over pairs of an image and its nearest text, minus their mean."""
    T, U = unit(bed)
    D = U - T[(U @ T.T).argmax(1)]
    D = D - D.mean(0)
    return _radius((D**2).sum(1).mean() / _participation(D), bed)


def likelihood(bed: Bed) -> float:
    """Maximum likelihood (by EM) of images as texts, moved by the gap, plus noise."""
    T, U = unit(bed)
    U = U - U.mean(0) + T.mean(0)
    D2 = np.maximum((U**2).sum(1)[:, None] + 1 - 2 * U @ T.T, 0)
    d_eff, tau = _participation(np.vstack([U - U.mean(0), T - T.mean(0)])), 0.05
    for _ in range(50):
        tau = float((softmax(-D2 / (2 * tau), axis=1) * D2).sum(1).mean() / d_eff)
    return _radius(tau, bed)


def similarity_spread(bed: Bed) -> float:
    """tau = standard deviation, over the texts, of an image's similarities."""
    T, U = unit(bed)
    return _radius((U @ T.T).std(1).mean(), bed)


def freezing(bed: Bed) -> float:
    """The same over sqrt(2 ln n), where a softmax of n Gaussian numbers freezes on one."""
    T, _ = unit(bed)
    return similarity_spread(bed) / (2 * np.log(len(T))) ** 0.25


def similarity_range(bed: Bed) -> float:
    """tau = an image's highest similarity minus its mean."""
    T, U = unit(bed)
    S = U @ T.T
    return _radius((S.max(1) - S.mean(1)).mean(), bed)


def _explained(bed: Bed) -> tuple[np.ndarray, np.ndarray]:
    """Regress an image's similarities on the texts' labels: the slopes and the residuals."""
    T, U = unit(bed)
    B, S = np.column_stack([np.ones(len(T)), bed.Y]), T @ U.T
    W = np.linalg.lstsq(B, S, rcond=None)[0]
    return W[1:], S - B @ W


def spread_within(bed: Bed) -> float:
    """tau = standard deviation of these residuals."""
    return _radius(_explained(bed)[1].std(0).mean(), bed)


def spread_of_labels(bed: Bed) -> float:
    """tau = standard deviation of these slopes over the labels."""
    return _radius(_explained(bed)[0].std(0).mean(), bed)


def noise_to_signal(bed: Bed) -> float:
    """tau = variance of the residuals over the standard deviation of the slopes."""
    slopes, rest = _explained(bed)
    return _radius((rest.var(0) / slopes.std(0)).mean(), bed)


def own_temperature(T: np.ndarray, Y: np.ndarray, other_sets: bool = False) -> float:
    """The best tau for the texts, by the log loss of predicting each from the others.

    With `other_sets`, only from texts with another set of labels.
    """
    Y = Y.astype(float)
    shared = Y @ Y.T
    n_labels = Y.sum(1)
    same = (shared == n_labels) & (shared == n_labels[:, None])
    S = T @ T.T - 1e3 * (same if other_sets else np.eye(len(T)))
    grid, losses = np.geomspace(0.003, 1, 30), []
    for tau in grid:
        P = np.clip(softmax(S / tau, axis=1) @ Y, 1e-3, 1 - 1e-3)
        losses.append(-np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P)))
    return float(grid[np.argmin(losses)])


def text_temperature(bed: Bed) -> float:
    return _radius(own_temperature(normalize(bed.texts), bed.Y), bed)


def text_temperature_other_sets(bed: Bed) -> float:
    return _radius(own_temperature(normalize(bed.texts), bed.Y, other_sets=True), bed)


def text_spread(bed: Bed) -> float:
    """tau = standard deviation of the similarities between texts."""
    T, _ = unit(bed)
    return _radius((T @ T.T)[~np.eye(len(T), dtype=bool)].std(), bed)


LENGTHS = {
    "fixed radius": fixed_radius,
    "fixed temperature": fixed_temperature,
    "a: logit scale": logit_scale,
    "b: gap": gap,
    "c: nearest text": nearest_distance,
    "c: mean distance": mean_distance,
    "d: effective dimension": effective_dimension,
    "d: effective dimension, nearest": effective_dimension_nearest,
    "d: likelihood": likelihood,
    "i: spread of similarities": similarity_spread,
    "i: freezing": freezing,
    "i: range of similarities": similarity_range,
    "i: spread within labels": spread_within,
    "i: spread of labels": spread_of_labels,
    "i: noise to signal": noise_to_signal,
    "i: texts' temperature": text_temperature,
    "i: texts' temperature, other sets": text_temperature_other_sets,
    "i: texts' spread": text_spread,
}
