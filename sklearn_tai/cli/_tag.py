"""``sklearn-tai tag``: label images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .._typing import Settings
from ._formats import CSV, FORMATS, Format, JSONLines, Names, Tagged, Whole, Wide, format_of
from ._labels import label_option, read_labels
from ._shell import (
    check_folder,
    count,
    note,
    null_option,
    pretrained_option,
    quiet_option,
    report,
    shows_progress,
    trust_option,
)

if TYPE_CHECKING:
    from ._output import ResumableFile


class _Threshold(click.ParamType):  # type: ignore[type-arg]
    name = "T"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        if value == "auto":
            return "auto"
        return click.FloatRange(0, 1).convert(value, param, ctx)


@click.command(short_help="Label images.")
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@label_option
@click.option(
    "--labels",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="A file of labels, as of generate.",
)
@click.option(
    "--encoder",
    metavar="NAME",
    help="With labels: what looks at images, as of fit.  [default: ViT-B-16]",
)
@pretrained_option
@click.option(
    "--model",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take the labels of a model that fit wrote.",
)
@click.option(
    "--threshold",
    metavar="T",
    type=_Threshold(),
    help="All labels with a probability above T; with --top the K likeliest of them.  "
    "[default: auto, where the model cuts; none with --top]",
)
@click.option("--top", metavar="K", type=click.IntRange(1), help="The K likeliest labels.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write to FILE.csv, .jsonl, .parquet or .html; - is standard output. After a stop the "
    "same command goes on with it.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    help="[default: as FILE ends; else table on a terminal, csv in a pipe]",
)
@click.option("--bom", is_flag=True, help="Begin CSV with the mark that Excel knows UTF-8 by.")
@click.option(
    "--print0", is_flag=True, help="Print the names of images with a label, for xargs -0."
)
@null_option
@click.option(
    "--keywords",
    type=click.Choice(["sidecar", "embed"]),
    help="Give images their labels as keywords, in photo.jpg.xmp or in the image itself.",
)
@click.option("--dry-run", is_flag=True, help="With --keywords: change no image.")
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Images encoded at once. On a GPU more is faster.",
)
@click.option(
    "--device",
    metavar="NAME",
    help='Where images are encoded: "cpu", "cuda", ...  [default: a GPU if there is one]',
)
@trust_option
@click.option("--force", is_flag=True, help="Begin FILE anew.")
@quiet_option
@click.pass_context
def tag(
    ctx: click.Context,
    images: tuple[str, ...],
    named: tuple[str, ...],
    labels: str | None,
    encoder: str | None,
    pretrained: str,
    model: Path | None,
    threshold: float | str | None,
    top: int | None,
    output: Path | None,
    format_name: str | None,
    bom: bool,
    print0: bool,
    null: bool,
    keywords: str | None,
    dry_run: bool,
    batch_size: int,
    device: str | None,
    trusted: tuple[str, ...],
    force: bool,
    quiet: bool,
) -> None:
    """Label images: with labels given here, or those of a model that fit wrote.

    IMAGES are files and folders, with all that is in them; - reads paths from standard
    input, one a line. Labels are learnt when they are first asked for, which takes some
    minutes, and kept for the next time. An image may have none of them.

    Images that cannot be read are told at the end, and the exit code is then 1; the
    others are tagged all the same. With -o, every batch is kept when it is done: after a
    stop the same command goes on where it was, and later it adds images that are new.

    \b
    Formats:
      table    to read on the terminal
      csv      path,label,score: a row for each image and label
      wide     CSV with a row for each image, a column for each label
      jsonl    {"path": "...", "labels": [...], "scores": [...]}: a line for each image
      parquet  the same columns; needs pyarrow
      html     a page to look through the images, label by label

    \b
    Examples:
      sklearn-tai tag photos --label dog --label "traffic light"
      sklearn-tai tag photos --labels labels.txt -o tags.html
      sklearn-tai tag photos --labels labels.txt --keywords sidecar
      sklearn-tai tag photos --model model --top 5
      sklearn-tai tag photos --label dog --print0 | xargs -0 cp -t dogs
    """
    if (model is None) == (not labels and not named):
        raise click.UsageError("Give either labels (--label or --labels) or a --model.")
    if model is not None and (encoder is not None or pretrained != "auto"):
        raise click.UsageError(
            "The model has its encoder; --encoder and --pretrained go with labels."
        )
    if dry_run and not keywords:
        raise click.UsageError("--dry-run needs --keywords.")
    if print0 and (output is not None or format_name is not None):
        raise click.UsageError("--print0 prints names alone: leave out -o and --format.")
    output = None if output == Path("-") else output
    form = Names() if print0 else format_of(output, format_name, bom)
    if output is not None:
        check_folder(output)
    if threshold is None and top is None:
        threshold = "auto"

    from tqdm import tqdm

    from ._keyword import Keyworder
    from ._tagging import Tagger, fingerprint, labels_of, list_pictures, no_pictures

    left_out: Counter[str] = Counter()
    listing = list_pictures(images, b"\0" if null else b"\n", left_out)
    first = next(listing, None)
    if first is None:
        raise click.UsageError(no_pictures(images))
    paths: Iterator[Path] = chain([first], listing)
    keyworder = None if keywords is None else Keyworder(dry_run)
    if model is None:
        from ._learn import model_of, resolved

        vocabulary = read_labels(labels, named)
        asked = resolved(encoder or "ViT-B-16", pretrained)
        model = model_of(vocabulary, *asked, device, quiet)
        trusted = (*trusted, *asked)
    if isinstance(form, Wide):
        form.labels = labels_of(model)
    settings: Settings = {
        "model": fingerprint(model),
        "top": top,
        "threshold": threshold,
        "keywords": keywords,
        "format": form.name,
    }
    is_bar_shown, total, n_before = shows_progress(quiet), None, 0
    with ExitStack() as stack:
        write: Callable[[list[Tagged]], None] = _to_stdout(form, is_bar_shown)
        if output is not None:
            file = stack.enter_context(closing(_open(output, form, settings, force)))
            write, n_before = file.write, file.n_done
            paths = (path for path in paths if not file.is_done(str(path)))
        if is_bar_shown and "-" not in images:  # a second look, so that the bar knows the end
            total = sum(1 for _ in list_pictures(images))
        first = next(paths, None)
        if first is None:
            note(f"Nothing is left to do: {output} holds {count(n_before, 'image')}.", quiet)
            return
        n_tagged = 0
        try:
            tagger = Tagger(model, top, threshold, batch_size, device, trusted)
            with tqdm(
                total=total,
                initial=n_before,
                desc="Tagging",
                unit=" images",
                disable=not is_bar_shown,
            ) as bar:
                for n, tagged in tagger.tag(chain([first], paths)):
                    if keyworder is not None:
                        keyworder.write(tagged, embed=keywords == "embed")
                    write(tagged)
                    n_tagged += len(tagged)
                    bar.update(n)
        except KeyboardInterrupt:
            if output is None:
                raise
            raise KeyboardInterrupt(
                f"{output} holds {count(n_before + n_tagged, 'image')}; the same command goes on."
            ) from None
    total_now = "" if output is None else f" {output} holds {n_before + n_tagged:,}."
    note(f"Tagged {count(n_tagged, 'image')}.{total_now}", quiet)
    if left_out:
        kinds = ", ".join(f"{suffix} {n:,}" for suffix, n in left_out.most_common(5))
        note(f"Left out {count(left_out.total(), 'file')} of other kinds: {kinds}.", quiet)
    if keyworder is not None:
        note(keyworder.summary(), quiet)
    wrong = [*map(str, sorted(tagger.errors, key=lambda error: error.index))]
    wrong += keyworder.errors if keyworder is not None else []
    report(ctx, wrong, "read" if keyworder is None else "read or written")


def _open(output: Path, form: Format, settings: Settings, force: bool) -> ResumableFile:
    from ._output import ResumableFile
    from ._whole import WholeFile

    if isinstance(form, Whole):
        return WholeFile(output, form.name, settings, force)
    assert isinstance(form, CSV | JSONLines)
    return ResumableFile(output, form, settings, force)


def _to_stdout(form: Format, is_bar_shown: bool) -> Callable[[list[Tagged]], None]:
    """A function that prints images, at first with the header."""
    header: list[bytes] = []

    def write(pictures: list[Tagged]) -> None:
        from tqdm import tqdm

        assert not isinstance(form, Whole)
        data = (b"" if header else form.header) + form.encode(pictures)
        header.append(form.header)
        with tqdm.external_write_mode() if is_bar_shown else nullcontext():
            click.echo(data, nl=False)

    return write
