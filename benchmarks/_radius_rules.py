"""Rules that choose a radius of noise without labelled images.

All work on unit vectors, where a radius `r` in `d` dimensions is the temperature
``tau = r**2 / d`` of an average over the texts. There are three kinds: a length (the
radius is a constant times it), a curve over `RADII` (the radius is where it comes to a
constant), and a score over `RADII` (the radius is where it is best).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from _radius_curves import kernel_scores, mean_ap
from _vocabulary_scenes import Bed
from scipy.special import entr, softmax
from scipy.stats import rankdata
from sklearn.preprocessing import normalize

RADII = np.geomspace(0.5, 12, 24)


def _unit(bed: Bed) -> tuple[np.ndarray, np.ndarray]:
    return normalize(bed.texts), normalize(bed.unlabelled)


def _radius(temperature: float, bed: Bed) -> float:
    return float(np.sqrt(temperature * bed.texts.shape[1]))


# ---- lengths -----------------------------------------------------------------------


def fixed_radius(bed: Bed) -> float:
    return 1.0


def fixed_temperature(bed: Bed) -> float:
    return _radius(1.0, bed)


def logit_scale(bed: Bed) -> float:
    return _radius(1 / bed.logit_scale, bed)


def gap(bed: Bed) -> float:
    T, U = _unit(bed)
    return float(np.linalg.norm(U.mean(0) - T.mean(0)))


def nearest_distance(bed: Bed) -> float:
    T, U = _unit(bed)
    return float(np.sqrt(2 - 2 * (U @ T.T).max(1)).mean())


def mean_distance(bed: Bed) -> float:
    T, U = _unit(bed)
    return float(np.sqrt(np.maximum(2 - 2 * U @ T.T, 0)).mean())


def _participation(X: np.ndarray) -> float:
    w = np.linalg.eigvalsh(np.cov(X.T))
    return float(w.sum() ** 2 / (w**2).sum())


def effective_dimension(bed: Bed) -> float:
    """tau = E|v - t|^2 / d_eff over random pairs."""
    T, U = _unit(bed)
    rng = np.random.default_rng(0)
    D = U[rng.integers(len(U), size=4000)] - T[rng.integers(len(T), size=4000)]
    return _radius((D**2).sum(1).mean() / _participation(D), bed)


def effective_dimension_nearest(bed: Bed) -> float:
    """The same over pairs of an image and its nearest text, their mean taken off."""
    T, U = _unit(bed)
    D = U - T[(U @ T.T).argmax(1)]
    D = D - D.mean(0)
    return _radius((D**2).sum(1).mean() / _participation(D), bed)


def likelihood(bed: Bed) -> float:
    """Maximum likelihood (by EM) of images as texts, moved by the gap, plus noise."""
    T, U = _unit(bed)
    U = U - U.mean(0) + T.mean(0)
    D2 = np.maximum((U**2).sum(1)[:, None] + 1 - 2 * U @ T.T, 0)
    d_eff, tau = _participation(np.vstack([U - U.mean(0), T - T.mean(0)])), 0.05
    for _ in range(50):
        tau = float((softmax(-D2 / (2 * tau), axis=1) * D2).sum(1).mean() / d_eff)
    return _radius(tau, bed)


def similarity_spread(bed: Bed) -> float:
    """tau = standard deviation, over the texts, of an image's similarities."""
    T, U = _unit(bed)
    return _radius((U @ T.T).std(1).mean(), bed)


def freezing(bed: Bed) -> float:
    """The same by sqrt(2 ln n): where a softmax of n Gaussian numbers freezes on one."""
    T, _ = _unit(bed)
    return similarity_spread(bed) / (2 * np.log(len(T))) ** 0.25


def similarity_range(bed: Bed) -> float:
    """tau = an image's highest similarity less its mean one."""
    T, U = _unit(bed)
    S = U @ T.T
    return _radius((S.max(1) - S.mean(1)).mean(), bed)


def _explained(bed: Bed) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of an image's similarities on the texts' labels, and the rest."""
    T, U = _unit(bed)
    B, S = np.column_stack([np.ones(len(T)), bed.Y]), T @ U.T
    W = np.linalg.lstsq(B, S, rcond=None)[0]
    return W[1:], S - B @ W


def spread_within(bed: Bed) -> float:
    """tau = standard deviation of the part of similarities that labels do not explain."""
    return _radius(_explained(bed)[1].std(0).mean(), bed)


def spread_of_labels(bed: Bed) -> float:
    """tau = standard deviation over labels of what a label adds to the similarity."""
    return _radius(_explained(bed)[0].std(0).mean(), bed)


def noise_to_signal(bed: Bed) -> float:
    """tau = variance of that rest over the spread of the labels' slopes."""
    slopes, rest = _explained(bed)
    return _radius((rest.var(0) / slopes.std(0)).mean(), bed)


def _text_temperature(T: np.ndarray, Y: np.ndarray) -> float:
    """The texts' own best tau, by the log loss of each from the others."""
    S = T @ T.T - 1e3 * np.eye(len(T))
    grid, losses = np.geomspace(0.003, 1, 30), []
    for tau in grid:
        P = np.clip(softmax(S / tau, axis=1) @ Y, 1e-3, 1 - 1e-3)
        losses.append(-np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P)))
    return float(grid[np.argmin(losses)])


def text_temperature(bed: Bed) -> float:
    return _radius(_text_temperature(normalize(bed.texts), bed.Y), bed)


def text_spread(bed: Bed) -> float:
    """tau = standard deviation of similarities among the texts."""
    T, _ = _unit(bed)
    return _radius((T @ T.T)[~np.eye(len(T), dtype=bool)].std(), bed)


def matched_to_texts(bed: Bed) -> float:
    """The texts' own best tau, times the ratio of the spreads of similarities."""
    return text_temperature(bed) * similarity_spread(bed) / text_spread(bed)


# ---- curves ------------------------------------------------------------------------


def _attentions(bed: Bed) -> list[np.ndarray]:
    T, U = _unit(bed)
    S = U @ T.T
    return [softmax(S / (r**2 / T.shape[1]), axis=1) for r in RADII]


def perplexity(bed: Bed) -> list[float]:
    """The number of texts that an image attends to."""
    return [np.exp(entr(A).sum(1).mean()) for A in _attentions(bed)]


def perplexity_share(bed: Bed) -> list[float]:
    return [p / len(bed.texts) for p in perplexity(bed)]


def perplexity_per_label(bed: Bed) -> list[float]:
    """That number, in mean numbers of texts a label."""
    return [p / bed.Y.sum(0).mean() for p in perplexity(bed)]


def perplexity_of_texts(bed: Bed) -> list[float]:
    """That number, in that of texts (each without itself) at their own best tau."""
    T, _ = _unit(bed)
    A = softmax((T @ T.T - 1e3 * np.eye(len(T))) / _text_temperature(T, bed.Y), axis=1)
    return [p / np.exp(entr(A).sum(1).mean()) for p in perplexity(bed)]


def largest_weight(bed: Bed) -> list[float]:
    """The mean weight of the text that an image attends to most."""
    return [A.max(1).mean() for A in _attentions(bed)]


def largest_probability(bed: Bed) -> list[float]:
    """The mean probability of an image's likeliest label."""
    return [(A @ bed.Y).max(1).mean() for A in _attentions(bed)]


def sharpness(bed: Bed) -> list[float]:
    """Sum of squares of the probabilities by their sum: 1 where they are 0 or 1."""
    return [float((P**2).sum() / P.sum()) for P in (A @ bed.Y for A in _attentions(bed))]


def between_images(bed: Bed) -> list[float]:
    """Variance of a label's probability over images, in that of the texts' labels."""
    return [(A @ bed.Y).var(0).mean() / bed.Y.var(0).mean() for A in _attentions(bed)]


def information(bed: Bed) -> list[float]:
    """Nats that an image's attention tells of the text."""
    return [float(entr(A.mean(0)).sum() - entr(A).sum(1).mean()) for A in _attentions(bed)]


def _rank_correlation(A: np.ndarray, B: np.ndarray, axis: int) -> float:
    R = [rankdata(S, axis=axis) for S in (A, B)]
    R = [r - r.mean(axis, keepdims=True) for r in R]
    R = [r / (np.linalg.norm(r, axis=axis, keepdims=True) + 1e-12) for r in R]
    return float((R[0] * R[1]).sum(axis).mean())


def _scores_of_halves(bed: Bed) -> list[list[np.ndarray]]:
    halves = np.array_split(np.random.default_rng(0).permutation(len(bed.texts)), 2)
    return [
        [kernel_scores(bed.texts[k], bed.Y[k], bed.unlabelled, r) for k in halves] for r in RADII
    ]


def stability(bed: Bed) -> list[float]:
    """Rank correlation, over images, between the scores by two halves of the texts."""
    return [_rank_correlation(a, b, 0) for a, b in _scores_of_halves(bed)]


def stability_way(bed: Bed) -> list[float]:
    """How much of the way from its least to its greatest that has come."""
    v = np.array(stability(bed))
    return list((v - v.min()) / (v.max() - v.min()))


# ---- scores ------------------------------------------------------------------------


def _zero_shot(bed: Bed) -> np.ndarray:
    return normalize(bed.unlabelled) @ normalize(bed.labels).T


def _scores(bed: Bed) -> list[np.ndarray]:
    return [kernel_scores(bed.texts, bed.Y, bed.unlabelled, r) for r in RADII]


def agreement(bed: Bed, axis: int) -> list[float]:
    """Rank correlation with zero-shot: over images (axis 0) or over labels (axis 1)."""
    return [_rank_correlation(s, _zero_shot(bed), axis) for s in _scores(bed)]


def agreement_means(bed: Bed) -> list[float]:
    """Rank correlation, over images, with similarity to the mean texts of the labels."""
    T, U = _unit(bed)
    Y = bed.Y.astype(float)
    zero_shot = U @ normalize(Y.T @ (T - T.mean(0))).T
    return [_rank_correlation(s, zero_shot, 0) for s in _scores(bed)]


def agreement_top(bed: Bed) -> list[float]:
    """mAP on each image's two best labels by zero-shot, standardised within labels."""
    s = _zero_shot(bed)
    ranks = rankdata(-(s - s.mean(0)) / s.std(0), axis=1)
    return [mean_ap((ranks <= 2).astype(int), s) for s in _scores(bed)]


def _held_out(bed: Bed, move: Callable, n: int = 400) -> list[float]:
    """mAP of texts of half of the templates on those of the others, these moved."""
    values = np.zeros(len(RADII))
    for a, b in ((0, 1), (1, 0)):
        held, Y = move(normalize(bed.half_texts[b][:n])), bed.half_Y[b][:n]
        for i, r in enumerate(RADII):
            values[i] += mean_ap(Y, kernel_scores(bed.half_texts[a], bed.half_Y[a], held, r))
    return list(values)


def paraphrases(bed: Bed) -> list[float]:
    return _held_out(bed, lambda X: X)


def paraphrases_moved(bed: Bed) -> list[float]:
    T, U = _unit(bed)
    return _held_out(bed, lambda X: X + U.mean(0) - T.mean(0))


def pseudo_images(bed: Bed, times: float) -> list[float]:
    """Held-out texts plus what random images have over their nearest texts."""
    T, U = _unit(bed)
    rest = U - T[(U @ T.T).argmax(1)]
    return _held_out(bed, lambda X: X + times * rest[np.arange(len(X)) % len(rest)])


def texts_on_images(bed: Bed, times: float) -> list[float]:
    """Held-out texts, less the mean one, added to images of whatever labels."""
    T, U = _unit(bed)
    return _held_out(bed, lambda X: U[np.arange(len(X)) % len(U)] + times * (X - T.mean(0)))


def predictive(bed: Bed) -> list[float]:
    """Pseudo-labels by half of the texts, as often as in texts, scored by the rest."""
    values = []
    for s in _scores_of_halves(bed):
        tops = [rankdata(-x, axis=0) <= np.maximum(bed.Y.mean(0) * len(x), 1) for x in s]
        values.append(mean_ap(tops[0].astype(int), s[1]) + mean_ap(tops[1].astype(int), s[0]))
    return values


def neighbours(bed: Bed) -> list[float]:
    """Rank correlation of an image's scores with those of the images around it."""
    _, U = _unit(bed)
    U = normalize(U - U.mean(0))
    W = softmax((U @ U.T - 1e3 * np.eye(len(U))) / 0.1, axis=1)
    return [_rank_correlation(s, W @ s, 0) for s in _scores(bed)]


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
    "i: texts' spread": text_spread,
    "i: matched to texts": matched_to_texts,
}
CURVES = {
    "g: stability": stability,
    "g: stability, way": stability_way,
    "h: perplexity": perplexity,
    "h: perplexity, share": perplexity_share,
    "h: perplexity, per label": perplexity_per_label,
    "h: perplexity, of texts": perplexity_of_texts,
    "h: largest weight": largest_weight,
    "h: largest probability": largest_probability,
    "h: sharpness": sharpness,
    "h: variance between images": between_images,
    "h: information": information,
}
SCORES = {
    "e: agreement over images": partial(agreement, axis=0),
    "e: agreement over labels": partial(agreement, axis=1),
    "e: agreement with mean texts": agreement_means,
    "e: mAP on zero-shot's top 2": agreement_top,
    "f: paraphrases": paraphrases,
    "f: paraphrases, moved": paraphrases_moved,
    "f: pseudo images": partial(pseudo_images, times=1.0),
    "f: pseudo images, more": partial(pseudo_images, times=1.3),
    "f: texts on images, 0.2": partial(texts_on_images, times=0.2),
    "f: texts on images, 0.5": partial(texts_on_images, times=0.5),
    "f: texts on images, 1": partial(texts_on_images, times=1.0),
    "g: predictive": predictive,
    "i: neighbours": neighbours,
}
