"""``sklearn-tai where``: show where in an image a model sees its labels."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click

from ._figure import check_figure, save_figure
from ._shell import note, quiet_option, trust_option

_DEFAULT_TOP = 3


@click.command(short_help="Show where in an image labels are.")
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--model",
    required=True,
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model made by fit.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the figure, a .png, .jpg, .pdf or .svg file.",
)
@click.option(
    "--label", "labels", multiple=True, metavar="NAME", help="A label to show; may be repeated."
)
@click.option(
    "--top",
    metavar="K",
    type=click.IntRange(1),
    help=f"Show the K most probable labels.  [default: {_DEFAULT_TOP}, without --label]",
)
@click.option(
    "--device",
    metavar="NAME",
    help='Where to encode the image: "cpu", "cuda", ...  [default: a GPU if there is one]',
)
@trust_option
@quiet_option
def where(
    image: Path,
    model: Path,
    output: Path,
    labels: tuple[str, ...],
    top: int | None,
    device: str | None,
    trusted: tuple[str, ...],
    quiet: bool,
) -> None:
    """Draw where in IMAGE a model sees its labels.

    IMAGE is drawn once per label, in grey, with the probability of the label in each region
    on top. The number next to the label is its probability for the whole image.

    \b
    Examples:
      sklearn-tai where photo.jpg --model model -o where.png
      sklearn-tai where photo.jpg --model model --label dog --label bicycle -o where.pdf
    """
    if labels and top is not None:
        raise click.UsageError("Give either --label or --top.")
    check_figure(output, "where")
    if output.exists() and output.samefile(image):
        raise click.UsageError(f"{str(output)!r} is the image itself; give another FILE.")

    from ..deploy import load_classifier
    from ..inputs import check_device, open_image
    from ._tagging import check_model

    check_model(model)
    open_image(image, 0)  # report a bad image before CLIP is loaded
    clf = load_classifier(model, trusted=trusted)
    encoder = clf.encoder_
    shown = _find(labels, clf.classes_.tolist()) if labels else None
    encoder.set_params(cache=None, device=check_device(device), on_error="raise", verbose=0)
    if encoder.region_grid() is None:
        raise click.ClickException(
            f"The model was trained with {encoder.model_name}, which has no regions, so it "
            "cannot tell where labels are. Train one with fit --encoder ViT-B-16, for example."
        )

    from matplotlib.figure import Figure

    from ..inspection import RegionDisplay, figure_size

    display = RegionDisplay.from_estimator(
        clf, image, shown, n_top=top or _DEFAULT_TOP, figure=Figure(layout="constrained")
    )
    display.figure_.set_size_inches(figure_size(display.picture, len(display.label_names)))
    save_figure(display.figure_, output)
    note(f"Wrote {output}.", quiet)


def _find(names: tuple[str, ...], classes: list[Any]) -> list[Any]:
    """The named labels, without repeats."""
    known = {str(label): label for label in classes}
    for name in names:
        if name not in known:
            folded = {one.casefold(): repr(one) for one in known}
            near = difflib.get_close_matches(name.casefold(), folded, 3, 0.5)
            some = f"it knows {', '.join([*known][:10])}{', ...' if len(known) > 10 else '.'}"
            meant = f"did you mean {' or '.join(folded[one] for one in near)}?"
            raise click.UsageError(
                f"The model does not know the label {name!r}; {meant if near else some}"
            )
    return [known[name] for name in dict.fromkeys(names)]
