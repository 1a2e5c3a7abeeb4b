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
    help="A file of labels, as for generate.",
)
@click.option(
    "--encoder",
    metavar="NAME",
    help="With labels: the encoder, as for fit.  [default: ViT-B-16]",
)
@pretrained_option
@click.option(
    "--model",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model made by fit, with its labels.",
)
@click.option(
    "--threshold",
    metavar="T",
    type=_Threshold(),
    help="Give labels with a probability above T; with --top, the K most probable of them.  "
    "[default: auto, the model's own threshold; none with --top]",
)
@click.option("--top", metavar="K", type=click.IntRange(1), help="The K most probable labels.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write to FILE.csv, .jsonl, .parquet or .html; - is standard output. If interrupted, run "
    "the same command again to continue.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    help="[default: by the suffix of FILE; else a table on a terminal, csv in a pipe]",
)
@click.option("--bom", is_flag=True, help="Mark CSV as UTF-8 for Excel.")
@click.option(
    "--print0", is_flag=True, help="Print the paths of images with a label, for xargs -0."
)
@null_option
@click.option(
    "--keywords",
    type=click.Choice(["sidecar", "embed"]),
    help="Write labels as keywords, to photo.jpg.xmp or into the image itself.",
)
@click.option("--dry-run", is_flag=True, help="With --keywords: do not change any image.")
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Images encoded at once. Larger is faster on a GPU.",
)
@click.option(
    "--device",
    metavar="NAME",
    help='Where to encode images: "cpu", "cuda", ...  [default: a GPU if there is one]',
)
@trust_option
@click.option("--force", is_flag=True, help="Overwrite FILE instead of continuing it.")
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
    """Label images, with labels given here or those of a model made by fit.

    IMAGES are files and folders, including subfolders; - reads paths from standard input,
    one per line. New labels are learnt first, which takes a few minutes, and kept for the
    next time. An image may get no label.

    Images that cannot be read are listed at the end, and the exit code is then 1; the
    others are tagged anyway. With -o, every batch is saved when it is done. If interrupted,
    run the same command again to continue; run it later to add new images.

    \b
    Formats:
      table    for reading on the terminal
      csv      path,label,score: one row per image and label
      wide     CSV with one row per image, one column per label
      jsonl    {"path": "...", "labels": [...], "scores": [...]}, one line per image
      parquet  the same columns; needs pyarrow
      html     a page for browsing the images, label by label

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
            "A model has its own encoder: use --encoder and --pretrained only with labels."
        )
    if dry_run and not keywords:
        raise click.UsageError("--dry-run needs --keywords.")
    if print0 and (output is not None or format_name is not None):
        raise click.UsageError("--print0 prints only paths: leave out -o and --format.")
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
        if is_bar_shown and "-" not in images:  # list twice, so that the bar knows the total
            total = sum(1 for _ in list_pictures(images))
        first = next(paths, None)
        if first is None:
            note(f"Nothing left to do: {output} has {count(n_before, 'image')}.", quiet)
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
                f"{output} has {count(n_before + n_tagged, 'image')}; run the same command again "
                "to continue."
            ) from None
    total_now = "" if output is None else f" {output} now has {n_before + n_tagged:,}."
    note(f"Tagged {count(n_tagged, 'image')}.{total_now}", quiet)
    if left_out:
        kinds = ", ".join(f"{suffix} {n:,}" for suffix, n in left_out.most_common(5))
        note(f"Skipped {count(left_out.total(), 'file')} of other types: {kinds}.", quiet)
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
    """A function that prints images, with the header before the first ones."""
    header: list[bytes] = []

    def write(pictures: list[Tagged]) -> None:
        from tqdm import tqdm

        assert not isinstance(form, Whole)
        data = (b"" if header else form.header) + form.encode(pictures)
        header.append(form.header)
        with tqdm.external_write_mode() if is_bar_shown else nullcontext():
            click.echo(data, nl=False)

    return write
