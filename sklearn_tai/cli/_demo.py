"""``sklearn-tai demo``: show what the package does, in seconds and offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._figure import check_figure, save_figure
from ._shell import note, quiet_option, seed_option

if TYPE_CHECKING:
    import numpy as np
    from sklearn.utils import Bunch

_N_SHOWN = 12


@click.command(short_help="See it work in seconds, without a network.")
@click.option(
    "--save",
    metavar="FILE.png",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save a figure of the images with their labels (needs matplotlib).",
)
@seed_option
@quiet_option
def demo(save: Path | None, seed: int, quiet: bool) -> None:
    """Train on texts with the small bundled model, and label the bundled images.

    \b
    Examples:
      sklearn-tai demo
      sklearn-tai demo --save demo.png
    """
    if save is not None:
        check_figure(save, "--save")
    note("Training on 1,000 texts about 20 labels ...", quiet)

    import numpy as np

    from .. import (
        OpenCLIPEncoder,
        PromptCorpusGenerator,
        TextAsImageClassifier,
        ZeroShotClassifier,
    )
    from ..datasets import load_emoji_scenes

    scenes = load_emoji_scenes()
    names = scenes.label_names
    encoder = OpenCLIPEncoder("tai-tiny")
    texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=seed).generate(names)
    clf = TextAsImageClassifier(encoder).fit(texts, Y)
    note(f"Labelling {len(scenes.images)} images it has never seen ...", quiet)
    embeddings = encoder.transform(scenes.images)
    proba = clf.predict_proba(embeddings)
    ours = clf.score(embeddings, scenes.Y)
    zero_shot = ZeroShotClassifier(names, encoder).fit().score(embeddings, scenes.Y)

    shown = np.sort(np.random.default_rng(seed).choice(len(proba), _N_SHOWN, replace=False))
    rows = [("image", "shows", "labelled")]
    for i in shown:
        tags = ", ".join(f"{names[k]} {proba[i, k]:.0%}" for k in _top(proba[i], scenes.Y[i]))
        rows.append((str(i + 1), ", ".join(names[k] for k in np.flatnonzero(scenes.Y[i])), tags))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for number, truth, tags in rows:
        click.echo(f"{number:>{widths[0]}}  {truth:{widths[1]}}  {tags}")
    click.echo(
        f"\nMean average precision on all {len(proba)} images: {ours:.1%}, trained on texts "
        f"alone.\nZero-shot CLIP, the same model without training: {zero_shot:.1%}."
    )
    if save is not None:
        _draw(scenes, shown, proba, save)
        note(f"Wrote {save}.", quiet)


def _top(proba: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The likeliest labels, as many as the image has."""
    return (-proba).argsort()[: truth.sum()]


def _draw(scenes: Bunch, shown: np.ndarray, proba: np.ndarray, path: Path) -> None:
    """Draw images with their labels, wrong ones in red."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8.4), layout="constrained")
    for ax, i in zip(figure.subplots(3, 4).flat, shown):
        ax.imshow(scenes.images[i])
        ax.set_axis_off()
        for line, k in enumerate(_top(proba[i], scenes.Y[i])):
            ax.text(
                0.5,
                -0.03 - 0.09 * line,
                f"{scenes.label_names[k]} {proba[i, k]:.0%}",
                color="black" if scenes.Y[i, k] else "crimson",
                ha="center",
                va="top",
                transform=ax.transAxes,
            )
    figure.suptitle("Trained on texts alone; wrong labels are red")
    save_figure(figure, path)
