"""Texts, images and estimated centroids in one plane (Figs. 7 and 10).

    python -m benchmarks.paper.fig10 --data voc2007=/data/VOCdevkit

Draws t-SNE of the texts and images of the most common label combinations, with the true
centroids of the images and those estimated from 10 to 90 % of the labels, a panel for each.
Also prints distances, divided by the mean norm of the images: between the mean text and the
mean image before and after the texts are moved, and between estimated and true centroids.
"""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from sklearn_tai import ShiftedPerturbation
from sklearn_tai.inspection import EmbeddingDisplay
from sklearn_tai.model_selection import mask_labels

from ._data import load_data
from ._experiment import Experiment, parser
from ._results import save_figure


def fitted(X, Y, is_image, known, offset_by="combination"):
    """A perturbation fitted with `known` per cent of the images' labels."""
    partly = Y.copy()
    partly[is_image] = mask_labels(Y[is_image], known / 100, random_state=0)
    noise = ShiftedPerturbation(offset_by=offset_by)
    return noise.fit(X, partly, np.where(is_image, "image", "text")), partly


def numbers(X, Y, is_image, known, offset_by):
    """Distances divided by the mean norm of the images."""
    noise, partly = fitted(X, Y, is_image, known, offset_by)
    moved = noise.shift(X, partly, is_image)
    unit = np.linalg.norm(X[is_image], axis=1).mean()
    mean = X[is_image].mean(axis=0)
    combinations = np.unique(Y[is_image & Y.any(axis=1)], axis=0)
    estimated = noise.estimate_centroids(combinations)
    off = [
        np.linalg.norm(own - X[is_image & (labels == Y).all(axis=1)].mean(axis=0))
        for labels, own in zip(combinations, estimated)
        if np.isfinite(own).all()
    ]
    return {
        "gap": float(np.linalg.norm(X[~is_image].mean(axis=0) - mean) / unit),
        "gap_after": float(np.linalg.norm(moved[~is_image].mean(axis=0) - mean) / unit),
        "centroid_error": float(np.mean(off) / unit),
    }


def draw(X, Y, is_image, shares, label_names, n_combinations):
    """A panel for each share of known labels."""
    rng = np.random.default_rng(0)
    # t-SNE of tens of thousands of points takes hours
    parts = [rng.permutation(np.flatnonzero(rows))[:2000] for rows in (is_image, ~is_image)]
    shown = np.sort(np.concatenate(parts))
    n_columns = min(3, len(shares))
    n_rows = -(-len(shares) // n_columns)
    figure = Figure(figsize=(4 * n_columns + 2.5, 3.5 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax, known in zip(axes, shares):
        display = EmbeddingDisplay.from_embeddings(
            X[shown],
            Y[shown],
            np.where(is_image[shown], "image", "text"),
            label_names=label_names,
            n_combinations=n_combinations,
            perturbation=fitted(X, Y, is_image, known)[0],
            random_state=0,
            ax=ax,
        )
        display.ax_.set_title(f"{known} % known")
        if known != shares[-1]:  # one legend for all
            display.ax_.get_legend().remove()
    for ax in axes[len(shares) :]:
        ax.set_axis_off()
    return figure


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--combinations", type=int, default=6)
    options.add_argument("--known", type=int, nargs="+", default=list(range(10, 100, 10)))
    args = options.parse_args()
    experiment = Experiment(args, "fig10", "partial-labels")
    lines = [
        "| data | known (%) | texts moved by | gap before | gap after | error of centroids |",
        "|---" * 6 + "|",
    ]
    for spec in args.data:
        data = load_data(spec, train=True)
        task = experiment.first_task(data)
        X = np.vstack([task.embedded_texts, task.embedded_train])
        Y = np.vstack([task.Y_texts, np.maximum(task.Y_train, 0)])
        is_image = np.arange(len(X)) >= len(task.texts)
        key = {"data": data.name, "n_images": len(data.images), "n_texts": len(task.texts)}
        for known in args.known:
            for offset_by in ("combination", "label"):
                own = {**key, "known": known, "offset_by": offset_by}
                measure = partial(numbers, X, Y, is_image, known, offset_by)
                found = experiment.results.get(own, measure)
                values = [found[k] for k in ("gap", "gap_after", "centroid_error")]
                cells = " | ".join(f"{value:.2f}" for value in values)
                lines.append(f"| {data.name} | {known} | {offset_by} | {cells} |")
        figure = draw(X, Y, is_image, args.known, data.label_names, args.combinations)
        save_figure(args.out / f"fig10_{data.name}.png", figure)
    experiment.results.write_markdown(
        "Distances, in mean norms of the images' embeddings\n\n" + "\n".join(lines)
    )


if __name__ == "__main__":
    main()
