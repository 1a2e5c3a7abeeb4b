"""The recommended rules by themselves, on numpy alone: embeddings in, a radius out.

Measured in docs/guide/radius.md. `radius_from_texts` and `radius_from_images` are for the
kernel adapter, `network_radius_from_images` is for the network.
"""

from __future__ import annotations

import numpy as np


def _unit(X: np.ndarray) -> np.ndarray:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _softmax(S: np.ndarray) -> np.ndarray:
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def _perplexity(A: np.ndarray) -> float:
    return float(np.exp(-(A * np.log(np.maximum(A, 1e-300))).sum(axis=1).mean()))


def _own_temperature(T: np.ndarray, Y: np.ndarray) -> tuple[float, float]:
    """The tau at which texts tell each other's labels best, and the perplexity there."""
    S = T @ T.T
    np.fill_diagonal(S, -1e3)  # a text does not tell its own labels
    best = (np.inf, 0.0, 0.0)
    for tau in np.geomspace(0.003, 1, 30):
        A = _softmax(S / tau)
        P = np.clip(A @ Y, 1e-3, 1 - 1e-3)
        loss = float(-np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P)))
        if loss < best[0]:
            best = (loss, float(tau), _perplexity(A))
    return best[1:]


def radius_from_texts(texts: np.ndarray, Y: np.ndarray, factor: float = 1.32) -> float:
    """No images: ``factor * sqrt(d * tau)`` for the texts' own best temperature tau."""
    tau, _ = _own_temperature(_unit(texts), np.asarray(Y, dtype=float))
    return factor * float(np.sqrt(texts.shape[1] * tau))


def radius_from_images(
    texts: np.ndarray, unlabelled: np.ndarray, Y: np.ndarray, times: float = 10.9
) -> float:
    """Where an image attends to `times` as many texts as a text does at its own best."""
    T, U = _unit(texts), _unit(unlabelled)
    _, own = _own_temperature(T, np.asarray(Y, dtype=float))
    radii, S = np.geomspace(0.5, 12, 24), U @ T.T
    spread = [_perplexity(_softmax(S / (r**2 / texts.shape[1]))) for r in radii]
    return float(np.exp(np.interp(times * own, spread, np.log(radii))))


def network_radius_from_images(texts: np.ndarray, unlabelled: np.ndarray) -> float:
    """``sqrt(d * E|e|^2 / d_eff)`` for what images have over their nearest texts.

    `d_eff` is the participation ratio ``(sum w)^2 / sum w^2`` of the eigenvalues of its
    covariance.
    """
    T, U = _unit(texts), _unit(unlabelled)
    rest = U - T[(U @ T.T).argmax(axis=1)]
    rest = rest - rest.mean(axis=0)
    w = np.linalg.eigvalsh(np.cov(rest.T))
    d_eff = w.sum() ** 2 / (w**2).sum()
    return float(np.sqrt(texts.shape[1] * (rest**2).sum(axis=1).mean() / d_eff))
