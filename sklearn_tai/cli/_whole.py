"""Formats that can only be written as a whole, after all images are tagged."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

import click

from .._typing import Settings
from ..exceptions import ImageReadError, install_command
from ..inputs import open_image
from ..storage import whole_file
from ._formats import JSONLines, Tagged
from ._output import ResumableFile

_SHOWN = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif")  # formats that browsers show
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
img {{ display: block; width: 100%; height: 200px; object-fit: contain; border-radius: 6px;
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


def parquet(pictures: Iterable[Tagged], target: Path) -> Iterator[bytes]:
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


def html(pictures: Iterable[Tagged], target: Path) -> Iterator[bytes]:
    """A page for browsing the labelled images, filtered by label."""
    pictures = list(pictures)
    counts = Counter(label for picture in pictures for label in picture.labels)
    buttons = "".join(
        f'<label><input type="checkbox" value="{escape(label)}">{escape(label)} {n:,}</label>'
        for label, n in counts.most_common()
    )
    title = f"{len(pictures):,} images" if len(pictures) != 1 else "1 image"
    yield _HEAD.format(title=title, buttons=buttons).encode()
    for path, own, scores in pictures:
        link = quote(relpath(path, target.parent).encode("utf-8", "surrogateescape"))
        tags = ", ".join(f"{escape(k)} {score:.0%}" for k, score in zip(own, scores))
        name = escape(Path(path).name.encode("utf-8", "replace").decode())
        yield (
            f'<figure data-labels="{escape(json.dumps(own))}"><a href="{link}">'
            f'<img loading="lazy" src="{_source(path, link)}" alt="{name}"></a>'
            f"<figcaption>{tags or '<i>none of the labels</i>'}<br><small>{name}</small>"
            "</figcaption></figure>\n"
        ).encode()
    yield _TAIL.encode()


def _source(path: str, link: str) -> str:
    """A link to the image, or a small copy of one that browsers cannot show."""
    if path.lower().endswith(_SHOWN):
        return link
    try:
        picture = open_image(Path(path), 0)
    except ImageReadError:  # it existed when it was tagged
        return link
    picture.thumbnail((400, 400))
    picture.save(buffer := io.BytesIO(), "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


_MAKERS = {"parquet": parquet, "html": html}


class WholeFile(ResumableFile):
    """A file made from all images at the end; until then they are kept in a file beside it.

    Parameters
    ----------
    path : Path
        The file. Images are kept in ``.NAME.jsonl``.
    name : str
        Its format.
    settings, force
        As in :class:`ResumableFile`.
    """

    def __init__(self, path: Path, name: str, settings: Settings, force: bool) -> None:
        kept = path.with_name(f".{path.name}.jsonl")
        if path.exists() and not kept.exists() and not force:
            raise click.UsageError(f"{str(path)!r} exists; --force overwrites it.")
        super().__init__(kept, JSONLines(), settings, force)
        self._target, self._make = path, _MAKERS[name]

    def close(self) -> None:
        """Write the file from the images so far."""
        super().close()
        if self.path.exists():
            with open(self.path, "rb") as lines:
                pictures = [Tagged(**json.loads(line)) for line in lines]
            with whole_file(self._target) as draft, open(draft, "wb") as file:
                file.writelines(self._make(pictures, self._target))
