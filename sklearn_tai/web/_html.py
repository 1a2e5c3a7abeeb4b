"""The results on the page, as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

_N_SHOWN = 8  # labels of a picture; the others are folded
CSS = """
min-height: 100px;
.note { margin: 0 0 12px; color: var(--body-text-color-subdued); }
.mistake { margin: 0; padding: 12px 16px; border-radius: 8px; color: var(--error-text-color);
  background: var(--error-background-fill); border: 1px solid var(--error-border-color); }
.cards { display: grid; gap: 16px; grid-template-columns: repeat(auto-fill, minmax(min(100%,
  440px), 1fr)); align-items: start; }
.card { display: flex; flex-wrap: wrap; gap: 16px; padding: 16px; border-radius: 8px;
  border: 1px solid var(--border-color-primary); background: var(--background-fill-primary); }
.card figure { flex: 1 1 120px; max-width: 180px; margin: 0; }
.card img { display: block; width: 100%; height: auto; border-radius: 6px; }
.card figcaption { margin-top: 6px; font-size: 13px; overflow-wrap: anywhere;
  color: var(--body-text-color-subdued); }
.scores { flex: 999 1 230px; min-width: 0; font-size: 14px; }
.scores table { width: 100%; border-collapse: collapse; table-layout: fixed; }
.scores th, .scores td { padding: 3px 6px 3px 0; text-align: left; font-weight: normal;
  border: 0 !important; overflow-wrap: anywhere; }
.scores table, .scores tr { margin: 0 !important; border: 0 !important; }
.scores thead th { font-size: 12px; color: var(--body-text-color-subdued); }
.scores .sure th, .scores .sure .own { font-weight: 700; }
.bar { position: relative; display: block; padding: 0 6px; border-radius: 4px; overflow: hidden;
  background: var(--background-fill-secondary); font-variant-numeric: tabular-nums; }
.bar i { position: absolute; inset: 0 auto 0 0; opacity: 0.35;
  background: var(--color-accent); }
.bar.other i { background: var(--body-text-color-subdued); }
.bar span { position: relative; }
.scores summary { cursor: pointer; padding: 4px 0; color: var(--body-text-color-subdued); }
"""


def legend(cut: float | None) -> str:
    """What the columns are, and above which score a label is bold."""
    bold = "" if cut is None else f"; above {100 * cut:.0f} % it is in bold"
    return (
        f"<b>Trained on words</b>: how likely each label is by itself{bold}. "
        "<b>Zero-shot CLIP</b>, for comparison: the untrained model, whose scores share 100 % "
        "among the labels."
    )


def mistake_note(message: str) -> str:
    """A message to the visitor."""
    return f'<p class="mistake" role="alert">{escape(message)}</p>'


def card(name: str, picture: Image.Image | None, scores: str) -> str:
    """A picture, or only its name where it could not be read, beside its scores."""
    image = ""
    if picture is not None:
        picture.save(buffer := io.BytesIO(), "JPEG", quality=85)
        data = base64.b64encode(buffer.getvalue()).decode()
        image = f'<img src="data:image/jpeg;base64,{data}" alt="">'
    caption = f"<figcaption>{escape(name)}</figcaption>"
    return (
        f'<article class="card"><figure>{image}{caption}</figure>'
        f'<div class="scores">{scores}</div></article>'
    )


def score_table(
    labels: Sequence[str], proba: np.ndarray, zero_shot: np.ndarray, cut: float
) -> str:
    """The scores of one picture as bars, best first."""

    def bar(value: float, kind: str) -> str:
        share = f"{100 * value:.0f}"
        return (
            f'<span class="bar {kind}"><i style="width:{share}%"></i><span>{share} %</span></span>'
        )

    rows = [
        f'<tr class="{"sure" if proba[k] > cut else ""}">'
        f'<th scope="row">{escape(labels[k])}</th>'
        f"<td>{bar(proba[k], 'own')}</td><td>{bar(zero_shot[k], 'other')}</td></tr>"
        for k in np.argsort(-proba, kind="stable")
    ]
    head = "<tr><th>Label</th><th>Trained on words</th><th>Zero-shot CLIP</th></tr>"
    shown, folded = rows[:_N_SHOWN], rows[_N_SHOWN:]
    table = f"<table><thead>{head}</thead><tbody>{''.join(shown)}</tbody></table>"
    if folded:
        count = f"{len(folded)} more label" + "s" * (len(folded) > 1)
        table += f"<details><summary>{count}</summary><table>{''.join(folded)}</table></details>"
    return table
