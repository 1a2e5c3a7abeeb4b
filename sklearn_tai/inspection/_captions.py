"""Captions of images."""

from __future__ import annotations

import numpy as np

from ._picture_grid import Line

_RIGHT, _WRONG = ("✓", "#15803d"), ("✗", "#c2410c")  # DejaVu Sans has these marks
_MAX_TOP = 8


def caption_of(
    scores: np.ndarray,
    truth: np.ndarray | None,
    label_names: list[str],
    threshold: float | np.ndarray | None,
    n_top: int | None,
) -> list[Line]:
    """The best labels of an image with marks and scores, and the missed ones."""
    order = np.argsort(-scores, kind="stable")
    above = np.zeros(len(scores), bool) if threshold is None else scores > threshold
    n_shown = min(max(above.sum(), 1), _MAX_TOP) if n_top is None else n_top
    n_shown = min(n_shown, np.isfinite(scores).sum())
    lines = []
    for k in order[:n_shown]:
        mark = None if truth is None else {1: _RIGHT, 0: _WRONG}.get(int(truth[k]))
        is_below = threshold is not None and not above[k]
        score = _number(scores[k])
        lines.append(Line(mark, label_names[k], f"({score})" if is_below else score, is_below))
    n_more = int(above.sum()) - n_shown
    if n_top is None and n_more > 0:
        lines.append(Line(None, f"and {n_more:,} more", faint=True))
    if truth is not None:
        missed = [label_names[k] for k in order[n_shown:] if truth[k] == 1 and not above[k]]
        if missed:
            lines.append(Line(("–", _WRONG[1]), f"missed: {', '.join(missed)}"))
    return lines


def _number(score: float) -> str:
    return f"{score:.2f}" if score == 0 or abs(score) >= 0.01 else f"{score:.1g}"
