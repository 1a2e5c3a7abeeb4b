"""``sklearn-tai tag``: label pictures with a trained model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext
from itertools import chain
from pathlib import Path

import click

from .._typing import Settings
from ._formats import CSV, FORMATS, JSONLines, Table, Tagged
from ._shell import check_folder, count, note, quiet_option, shows_progress, trust_option

_DEFAULT_TOP = 3


@click.command(short_help="Label pictures with a model.")
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@click.option(
    "--top",
    metavar="K",
    type=click.IntRange(1),
    help=f"The K likeliest labels.  [default: {_DEFAULT_TOP}]",
)
@click.option(
    "--threshold",
    metavar="T",
    type=click.FloatRange(0, 1),
    help="All labels with a score above T; with --top the K likeliest of them.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    help="[default: as FILE ends; else table on a terminal, csv in a pipe]",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to a file. After a stop the same command goes on with it.",
)
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Pictures encoded at once. On a GPU more is faster.",
)
@click.option(
    "--device",
    metavar="NAME",
    help='Where pictures are encoded: "cpu", "cuda", ...  [default: a GPU if there is one]',
)
@trust_option
@click.option("--force", is_flag=True, help="Begin FILE anew.")
@quiet_option
@click.pass_context
def tag(
    ctx: click.Context,
    model: Path,
    images: tuple[str, ...],
    top: int | None,
    threshold: float | None,
    format_name: str | None,
    output: Path | None,
    batch_size: int,
    device: str | None,
    trusted: tuple[str, ...],
    force: bool,
    quiet: bool,
) -> None:
    """Label pictures with MODEL, a folder that fit wrote.

    IMAGES are files and folders, with all that is in them; - reads paths from standard
    input, one a line. Pictures that cannot be read are told at the end, and the exit code
    is then 1; the others are tagged all the same.

    With -o, every batch is written when it is done. After a stop the same command
    goes on where it was; run again later, it adds the pictures that are new.

    \b
    Formats:
      table  to read on the terminal
      csv    path,label,score: a row for each picture and label
      jsonl  {"path": "...", "labels": [...], "scores": [...]}: a line for each picture

    \b
    Examples:
      sklearn-tai tag model photos --top 5
      sklearn-tai tag model photos -o tags.jsonl
      find . -name '*.jpg' | sklearn-tai tag model - --threshold 0.3 | grep ,dog,
    """
    if top is None and threshold is None:
        top = _DEFAULT_TOP
    if format_name is None:
        format_name = _default_format(output)
    form = FORMATS[format_name]()
    if output is not None and isinstance(form, Table):
        raise click.UsageError("A table is for reading; give --format csv or jsonl with -o.")
    if output is not None:
        check_folder(output)

    from tqdm import tqdm

    from ._output import ResumableFile
    from ._tagging import Tagger, fingerprint, list_pictures, no_pictures

    settings: Settings = {"model": fingerprint(model), "top": top, "threshold": threshold}
    settings["format"] = format_name
    listing = list_pictures(images)
    first = next(listing, None)
    if first is None:
        raise click.UsageError(no_pictures(images))
    paths: Iterator[Path] = chain([first], listing)
    is_bar_shown, total, n_before = shows_progress(quiet), None, 0
    with ExitStack() as stack:
        write: Callable[[list[Tagged]], None] = _to_stdout(form, is_bar_shown)
        if output is not None and not isinstance(form, Table):
            file = ResumableFile(output, form, settings, force)
            stack.enter_context(closing(file))
            write, n_before = file.write, file.n_done
            paths = (path for path in paths if not file.is_done(str(path)))
        if is_bar_shown and "-" not in images:  # a second look, so that the bar knows the end
            total = sum(1 for _ in list_pictures(images))
        first = next(paths, None)
        if first is None:
            note(f"Nothing is left to do: {output} holds {count(n_before, 'picture')}.", quiet)
            return
        n_tagged = 0
        try:
            tagger = Tagger(model, top, threshold, batch_size, device, trusted)
            with tqdm(
                total=total,
                initial=n_before,
                desc="Tagging",
                unit=" pictures",
                disable=not is_bar_shown,
            ) as bar:
                for n, tagged in tagger.tag(chain([first], paths)):
                    write(tagged)
                    n_tagged += len(tagged)
                    bar.update(n)
        except KeyboardInterrupt:
            if output is None:
                raise
            raise KeyboardInterrupt(
                f"{output} holds {count(n_before + n_tagged, 'picture')}; the same command "
                "goes on."
            ) from None
    total_now = "" if output is None else f" {output} holds {n_before + n_tagged:,}."
    note(f"Tagged {count(n_tagged, 'picture')}.{total_now}", quiet)
    if tagger.errors:
        click.echo(f"{count(len(tagger.errors), 'picture')} could not be read:", err=True)
        for error in sorted(tagger.errors, key=lambda error: error.index):
            click.echo(f"  {error}", err=True)
        ctx.exit(1)


def _default_format(output: Path | None) -> str:
    if output is None:
        return "table" if sys.stdout.isatty() else "csv"
    return "jsonl" if output.suffix.lower() in (".jsonl", ".ndjson") else "csv"


def _to_stdout(
    form: Table | CSV | JSONLines, is_bar_shown: bool
) -> Callable[[list[Tagged]], None]:
    """A function that prints pictures, at first with the header."""
    header = [form.header]

    def write(pictures: list[Tagged]) -> None:
        from tqdm import tqdm

        data = b"".join(header) + form.encode(pictures)
        header.clear()
        with tqdm.external_write_mode() if is_bar_shown else nullcontext():
            click.echo(data, nl=False)

    return write
