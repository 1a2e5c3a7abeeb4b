"""The results as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image

_N_SHOWN = 8  # labels of a picture; the rest are folded away
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
.card .picture { position: relative; }
.card img { display: block; width: 100%; height: auto; border-radius: 6px; }
.card figcaption { margin-top: 6px; font-size: 13px; overflow-wrap: anywhere;
  color: var(--body-text-color-subdued); }
.card .spot { display: inline-block; min-width: 18px; padding: 0 3px; border: 1px solid #fff;
  border-radius: 9px; text-align: center; font: 700 11px/16px system-ui, sans-serif;
  color: #fff; background: #111; }
.picture .spot { position: absolute; transform: translate(-50%, -50%); }
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


def legend(cut: float | None, has_spots: bool) -> str:
    """Explains the columns, the threshold of bold labels, and the numbers on images."""
    bold = "" if cut is None else f"; above {100 * cut:.0f} % it is in bold"
    if has_spots:
        bold += ", with a number at the place in the image that looks most like it"
    return (
        f"<b>Trained on words</b>: the probability of each label on its own{bold}. "
        "<b>Zero-shot CLIP</b>, for comparison: the untrained model, whose scores add up "
        "to 100 %."
    )


def download_link(text: str) -> str:
    """A link that contains JSON and saves it to a file."""
    data = base64.b64encode(text.encode()).decode()
    return f'<a download="labels.json" href="data:application/json;base64,{data}">As JSON</a>'


def mistake_note(message: str) -> str:
    """A message to the visitor."""
    return f'<p class="mistake" role="alert">{escape(message)}</p>'


def card(name: str, picture: Image.Image | None, scores: str, dots: str = "") -> str:
    """An image with its `dots`, or only its name if unreadable, beside its scores."""
    image = ""
    if picture is not None:
        picture.save(buffer := io.BytesIO(), "JPEG", quality=85)
        data = base64.b64encode(buffer.getvalue()).decode()
        image = f'<img src="data:image/jpeg;base64,{data}" alt="">'
        image = f'<div class="picture">{image}{dots}</div>'
    caption = f"<figcaption>{escape(name)}</figcaption>"
    return (
        f'<article class="card"><figure>{image}{caption}</figure>'
        f'<div class="scores">{scores}</div></article>'
    )


def numbered_spots(
    labels: Sequence[str], spots: np.ndarray, shown: Sequence[int]
) -> tuple[dict[int, int], str]:
    """Numbers for the labels in `shown`, and the HTML of their dots on the image.

    `spots` have shape (n_labels, 2): positions from left and top, from 0 to 1. Labels at the
    same place share a number, as one dot would hide the other.
    """
    there: dict[tuple[float, float], list[int]] = {}
    for k in shown:
        there.setdefault((spots[k, 0], spots[k, 1]), []).append(k)
    numbers: dict[int, int] = {}
    dots = ""
    for number, ((x, y), group) in enumerate(there.items(), 1):
        numbers.update(dict.fromkeys(group, number))
        names = escape(", ".join(labels[k] for k in group))
        dots += (
            f'<span class="spot" role="img" style="left:{x:.1%};top:{y:.1%}" title="{names}" '
            f'aria-label="{number}: {names}, {x:.0%} from the left, {y:.0%} from the top">'
            f"{number}</span>"
        )
    return numbers, dots


def score_table(
    labels: Sequence[str],
    proba: np.ndarray,
    zero_shot: np.ndarray,
    named: Sequence[int],
    numbers: Mapping[int, int],
) -> str:
    """The scores of one image as bars, best first, with `named` labels in bold.

    `numbers` are those of the labels on the image.
    """

    def bar(value: float, kind: str) -> str:
        share = f"{100 * value:.0f}"
        return (
            f'<span class="bar {kind}"><i style="width:{share}%"></i><span>{share} %</span></span>'
        )

    def number(k: int) -> str:
        if k not in numbers:
            return ""
        name = f"number {numbers[k]} on the image"
        return f' <span class="spot" role="img" aria-label="{name}">{numbers[k]}</span>'

    rows = [
        f'<tr class="{"sure" if k in named else ""}">'
        f'<th scope="row">{escape(labels[k])}{number(k)}</th>'
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
