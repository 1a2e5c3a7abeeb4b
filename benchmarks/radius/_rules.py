"""Rules that choose a radius without labelled images: from a curve over radii.

The radius is where the curve reaches a constant (`CURVES`) or its maximum (`SCORES`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.special import entr, softmax
from scipy.stats import rankdata
from sklearn.preprocessing import normalize

from ._curves import kernel_scores, mean_ap
from ._lengths import own_temperature, unit
from ._vocabulary_scenes import Bed

RADII = np.geomspace(0.5, 12, 24)


# ---- curves ------------------------------------------------------------------------


def _attentions(bed: Bed) -> list[np.ndarray]:
    T, U = unit(bed)
    S = U @ T.T
    return [softmax(S / (r**2 / T.shape[1]), axis=1) for r in RADII]


def perplexity(bed: Bed) -> list[float]:
    """The number of texts that an image attends to."""
    return [np.exp(entr(A).sum(1).mean()) for A in _attentions(bed)]


def perplexity_per_label(bed: Bed) -> list[float]:
    """That number, divided by the mean number of texts per label."""
    return [p / bed.Y.sum(0).mean() for p in perplexity(bed)]


def perplexity_of_texts(bed: Bed) -> list[float]:
    """That number, divided by the same for texts (each without itself) at their best tau."""
    T, _ = unit(bed)
    A = softmax((T @ T.T - 1e3 * np.eye(len(T))) / own_temperature(T, bed.Y), axis=1)
    return [p / np.exp(entr(A).sum(1).mean()) for p in perplexity(bed)]


def largest_weight(bed: Bed) -> list[float]:
    """An image's largest attention weight, on average."""
    return [A.max(1).mean() for A in _attentions(bed)]


def largest_probability(bed: Bed) -> list[float]:
    """The probability of an image's most likely label, on average."""
    return [(A @ bed.Y).max(1).mean() for A in _attentions(bed)]


def sharpness(bed: Bed) -> list[float]:
    """Sum of squared probabilities over their sum: 1 if all are 0 or 1."""
    return [float((P**2).sum() / P.sum()) for P in (A @ bed.Y for A in _attentions(bed))]


def between_images(bed: Bed) -> list[float]:
    """Variance of a label's probability over images, divided by that in the texts' labels."""
    return [(A @ bed.Y).var(0).mean() / bed.Y.var(0).mean() for A in _attentions(bed)]


def information(bed: Bed) -> list[float]:
    """Mutual information of image and attended text, in nats."""
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
    """Rank correlation over images between the scores from two halves of the texts."""
    return [_rank_correlation(a, b, 0) for a, b in _scores_of_halves(bed)]


def stability_way(bed: Bed) -> list[float]:
    """The same, rescaled from its minimum to its maximum."""
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
    """Rank correlation over images with the similarity to each label's mean text."""
    T, U = unit(bed)
    Y = bed.Y.astype(float)
    zero_shot = U @ normalize(Y.T @ (T - T.mean(0))).T
    return [_rank_correlation(s, zero_shot, 0) for s in _scores(bed)]


def agreement_top(bed: Bed) -> list[float]:
    """mAP if the truth were each image's top two labels by zero-shot, standardised by label."""
    s = _zero_shot(bed)
    ranks = rankdata(-(s - s.mean(0)) / s.std(0), axis=1)
    return [mean_ap((ranks <= 2).astype(int), s) for s in _scores(bed)]


def _held_out(bed: Bed, move: Callable, n: int = 400) -> list[float]:
    """mAP of texts from half of the templates on moved texts from the other half."""
    values = np.zeros(len(RADII))
    for a, b in ((0, 1), (1, 0)):
        held, Y = move(normalize(bed.half_texts[b][:n])), bed.half_Y[b][:n]
        for i, r in enumerate(RADII):
            values[i] += mean_ap(Y, kernel_scores(bed.half_texts[a], bed.half_Y[a], held, r))
    return list(values)


def paraphrases(bed: Bed) -> list[float]:
    return _held_out(bed, lambda X: X)


def paraphrases_moved(bed: Bed) -> list[float]:
    T, U = unit(bed)
    return _held_out(bed, lambda X: X + U.mean(0) - T.mean(0))


def pseudo_images(bed: Bed, times: float) -> list[float]:
    """Held-out texts, plus the differences of images from their nearest texts."""
    T, U = unit(bed)
    rest = U - T[(U @ T.T).argmax(1)]
    return _held_out(bed, lambda X: X + times * rest[np.arange(len(X)) % len(rest)])


def texts_on_images(bed: Bed, times: float) -> list[float]:
    """Held-out texts minus their mean, added to images with any labels."""
    T, U = unit(bed)
    return _held_out(bed, lambda X: U[np.arange(len(X)) % len(U)] + times * (X - T.mean(0)))


def predictive(bed: Bed) -> list[float]:
    """Pseudo-labels from half of the texts, as frequent as in texts, scored by the rest."""
    values = []
    for s in _scores_of_halves(bed):
        tops = [rankdata(-x, axis=0) <= np.maximum(bed.Y.mean(0) * len(x), 1) for x in s]
        values.append(mean_ap(tops[0].astype(int), s[1]) + mean_ap(tops[1].astype(int), s[0]))
    return values


def neighbours(bed: Bed) -> list[float]:
    """Rank correlation of an image's scores with those of similar images."""
    _, U = unit(bed)
    U = normalize(U - U.mean(0))
    W = softmax((U @ U.T - 1e3 * np.eye(len(U))) / 0.1, axis=1)
    return [_rank_correlation(s, W @ s, 0) for s in _scores(bed)]


CURVES = {
    "g: stability": stability,
    "g: stability, way": stability_way,
    "h: perplexity": perplexity,
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
