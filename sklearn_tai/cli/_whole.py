"""Formats that can only be written as a whole, when all pictures are tagged."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from html import escape
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

import click

from ..exceptions import install_command
from ._formats import Tagged

_HEAD = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 0 16px 16px; font: 15px/1.4 system-ui, sans-serif; color: #222; }}
form {{ position: sticky; top: 0; padding: 12px 0; background: #fff; }}
form label {{ display: inline-block; margin: 0 6px 6px 0; padding: 2px 10px; border-radius: 12px;
  background: #eee; cursor: pointer; }}
form label:has(:checked) {{ background: #14507a; color: #fff; }}
form input {{ position: absolute; opacity: 0; }}
form label:focus-within {{ outline: 2px solid #14507a; outline-offset: 1px; }}
main {{ display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); }}
figure {{ margin: 0; overflow-wrap: anywhere; }}
img {{ display: block; width: 100%; height: 200px; object-fit: cover; border-radius: 6px;
  background: #eee; }}
small {{ color: #666; }}
</style>
<h1>{title}</h1>
<form>{buttons}</form>
<main>
"""
_TAIL = """</main>
<script>
const form = document.querySelector("form");
form.onchange = () => {
  const wanted = [...form.querySelectorAll(":checked")].map((box) => box.value);
  for (const figure of document.querySelectorAll("figure")) {
    const labels = JSON.parse(figure.dataset.labels);
    figure.hidden = !wanted.every((label) => labels.includes(label));
  }
};
</script>
"""


def wide(pictures: Iterable[Tagged], labels: list[str], target: Path) -> Iterator[bytes]:
    """CSV: a row for each picture, a column for each label, empty where it has not got it."""
    yield _row(["path", *labels])
    for path, own, scores in pictures:
        score = dict(zip(own, scores))
        yield _row([path, *(f"{score[k]:.4f}" if k in score else "" for k in labels)])


def _row(fields: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue().encode("utf-8", "surrogateescape")


def parquet(pictures: Iterable[Tagged], labels: list[str], target: Path) -> Iterator[bytes]:
    """Parquet: path, and lists of labels and their scores."""
    try:
        import pyarrow as pa
        from pyarrow.parquet import write_table
    except ImportError:
        raise click.ClickException(
            f"Parquet files need pyarrow: {install_command('bulk')}"
        ) from None
    rows = [p._asdict() for p in pictures]
    columns = [("path", pa.string()), ("labels", pa.list_(pa.string()))]
    schema = pa.schema([*columns, ("scores", pa.list_(pa.float32()))])
    buffer = io.BytesIO()
    write_table(pa.Table.from_pylist(rows, schema), buffer)
    yield buffer.getvalue()


def html(pictures: Iterable[Tagged], labels: list[str], target: Path) -> Iterator[bytes]:
    """A page to look through: the pictures with their labels, to choose among by label."""
    pictures = list(pictures)
    counts = Counter(label for picture in pictures for label in picture.labels)
    buttons = "".join(
        f'<label><input type="checkbox" value="{escape(label)}">{escape(label)} {n:,}</label>'
        for label, n in counts.most_common()
    )
    title = f"{len(pictures):,} pictures" if len(pictures) != 1 else "1 picture"
    yield _HEAD.format(title=title, buttons=buttons).encode()
    for path, own, scores in pictures:
        link = quote(relpath(path, target.parent).encode("utf-8", "surrogateescape"))
        tags = ", ".join(f"{escape(k)} {score:.0%}" for k, score in zip(own, scores))
        name = escape(Path(path).name.encode("utf-8", "replace").decode())
        yield (
            f'<figure data-labels="{escape(json.dumps(own))}"><a href="{link}">'
            f'<img loading="lazy" src="{link}" alt="{name}"></a>'
            f"<figcaption>{tags or '<i>none of the labels</i>'}<br><small>{name}</small>"
            "</figcaption></figure>\n"
        ).encode()
    yield _TAIL.encode()


WHOLE: dict[str, Callable[[Iterable[Tagged], list[str], Path], Iterator[bytes]]] = {
    "wide": wide,
    "parquet": parquet,
    "html": html,
}
