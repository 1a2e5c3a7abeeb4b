"""``sklearn-tai fit``: from a corpus to the folder of a classifier."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ._shell import (
    count,
    note,
    pretrained_option,
    quick_gelu_option,
    quiet_option,
    seed_option,
    shows_progress,
)

if TYPE_CHECKING:
    from ..corpus import Corpus

_ONLY_NETWORK = ("hidden_layer_sizes", "epochs", "learning_rate")


class _Sizes(click.ParamType):  # type: ignore[type-arg]
    name = "N,N,..."

    def convert(
        self,
        value: str | tuple[int, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(size) for size in value.split(","))
        except ValueError:
            sizes = ()
        if not sizes or min(sizes) < 1:
            self.fail(
                f"{value!r} is not a list of whole numbers above 0, like 2048,2048.", param, ctx
            )
        return sizes


class _Radius(click.ParamType):  # type: ignore[type-arg]
    name = "R"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        if value == "auto":
            return "auto"
        try:
            radius = float(value)
        except ValueError:
            radius = math.nan
        if not 0 <= radius < math.inf:
            self.fail(f"{value!r} is neither a number of at least 0 nor 'auto'.", param, ctx)
        return radius


@click.command(short_help="Train a model on a corpus.")
@click.argument("corpus_file", metavar="CORPUS", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write the model.",
)
@click.option(
    "--encoder",
    default="ViT-B-16",
    show_default=True,
    metavar="NAME",
    help="A preset (fast, balanced, best, multilingual, paper), an open_clip model, "
    '"hf-hub:org/model", "local-dir:/folder", or "tai-tiny", which is built in and knows '
    "only pictograms.",
)
@pretrained_option
@quick_gelu_option
@click.option(
    "--adapter",
    type=click.Choice(["kernel", "network"]),
    default="kernel",
    show_default=True,
    help="kernel averages the labels of similar texts, without training; network trains a "
    "neural network, as in the paper.",
)
@click.option(
    "--radius",
    type=_Radius(),
    help="Length of the noise: auto, computed from the texts, or a number in mean norms of the "
    "texts. Try 1 to 5 on your images.  [default: auto; 2.5 with --adapter network]",
)
@click.option(
    "--hidden-layer-sizes",
    type=_Sizes(),
    default="2048,2048,2048",
    show_default=True,
    help="Sizes of the network's layers. A single 256 makes a model of 2 MB; use it with "
    "--learning-rate 0.003.  [network only]",
)
@click.option(
    "--epochs",
    metavar="N",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Passes over the texts.  [network only]",
)
@click.option(
    "--learning-rate",
    metavar="RATE",
    type=click.FloatRange(0, min_open=True),
    default=1e-4,
    show_default=True,
    help="Peak learning rate.  [network only]",
)
@seed_option
@click.option(
    "--device", metavar="NAME", help='"cpu", "cuda", ...  [default: a GPU if there is one]'
)
@click.option("--force", is_flag=True, help="Replace an existing model.")
@quiet_option
@click.pass_context
def fit(
    ctx: click.Context,
    corpus_file: str,
    output: Path,
    encoder: str,
    pretrained: str,
    quick_gelu: bool | None,
    adapter: str,
    radius: float | str | None,
    hidden_layer_sizes: tuple[int, ...],
    epochs: int,
    learning_rate: float,
    seed: int,
    device: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Train a model on CORPUS, texts with their labels, and write it to a folder.

    The folder contains JSON and safetensors, no code, and not CLIP's weights: those are
    downloaded once and cached. Encoding the texts takes most of the time; --adapter network
    takes some minutes more.

    \b
    Examples:
      sklearn-tai fit corpus.jsonl -o model
      sklearn-tai fit corpus.jsonl -o model --encoder fast --radius 1
      sklearn-tai fit corpus.jsonl -o paper --adapter network
    """
    given = [
        f"--{name.replace('_', '-')}"
        for name in _ONLY_NETWORK
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if given and adapter != "network":
        raise click.UsageError(f"{given[0]} needs --adapter network.")
    if output.is_dir() and any(output.iterdir()):
        if not (output / "config.json").is_file():
            raise click.UsageError(
                f"{str(output)!r} contains files but no model; give another folder."
            )
        if not force:
            raise click.UsageError(f"{str(output)!r} contains a model; --force replaces it.")
    corpus = _load(corpus_file)
    note(
        f"Training on {count(len(corpus), 'text')} about "
        f"{count(len(corpus.label_names), 'label')}.",
        quiet,
    )

    from .. import (
        KernelAdapter,
        MLPAdapter,
        OpenCLIPEncoder,
        RandomPerturbation,
        TextAsImageClassifier,
    )
    from ._learn import keep, resolved

    verbose = int(shows_progress(quiet))
    encoder, pretrained = resolved(encoder, pretrained)
    learner: KernelAdapter | MLPAdapter = KernelAdapter(device=device)
    if adapter == "network":
        learner = MLPAdapter(
            hidden_layer_sizes,
            max_epochs=epochs,
            max_lr=learning_rate,
            device=device,
            random_state=seed,
            verbose=verbose,
        )
        radius = 2.5 if radius is None else radius  # the paper's
    clf = TextAsImageClassifier(
        OpenCLIPEncoder(
            encoder, pretrained, quick_gelu=quick_gelu, device=device, verbose=verbose
        ),
        RandomPerturbation("auto" if radius is None else radius),
        learner,
    ).fit(*corpus)
    keep(clf, output)
    own = clf.encoder_.unpublished_model()
    trust = "" if own is None else f" --trust {shlex.quote(own)}"
    note(f"Wrote {output}. To use it: sklearn-tai tag IMAGES --model {output}{trust}", quiet)


def _load(path: str) -> Corpus:
    from ..corpus import Corpus

    try:
        corpus = Corpus.load(path)
    except (ValueError, TypeError) as error:
        message = str(error) if path in str(error) else f"{path!r} is not a corpus: {error}"
        raise click.ClickException(message) from error
    if not len(corpus):
        raise click.ClickException(
            f"{path!r} contains no texts; make it with sklearn-tai generate."
        )
    return corpus
