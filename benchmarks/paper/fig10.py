"""Texts and images in one plane (Fig. 10): where moved texts and centroids lie.

    python -m benchmarks.paper.fig10 --data voc2007=/data/VOCdevkit

Draws t-SNE of texts and images of the commonest label combinations, with the true
centroids of the images and those estimated from labels. Beside it, in numbers: how far
apart the means of texts and of images are before and after the texts are moved, and how
far estimated centroids are from the true ones, all over the mean norm of the images.
"""

from functools import partial

import numpy as np

from sklearn_tai import ShiftedPerturbation
from sklearn_tai.inspection import EmbeddingDisplay

from ._data import load_data
from ._experiment import Experiment, parser
from ._results import save_figure


def numbers(X, Y, is_image, offset_by):
    """Distances over the mean norm of the images."""
    noise = ShiftedPerturbation(offset_by=offset_by)
    noise.fit(X, Y, np.where(is_image, "image", "text"))
    moved = noise.shift(X, Y, is_image)
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


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--combinations", type=int, default=6)
    args = options.parse_args()
    experiment = Experiment(args, "fig10", train=True)
    lines = [
        "| data | texts moved by | gap before | gap after | error of centroids |",
        "|---|---|---|---|---|",
    ]
    for spec in args.data:
        data = load_data(spec, train=True)
        task = experiment.first_task(data)
        X = np.vstack([task.embedded_texts, task.embedded_train])
        Y = np.vstack([task.Y_texts, np.maximum(task.Y_train, 0)])
        is_image = np.arange(len(X)) >= len(task.texts)
        for offset_by in ("combination", "label"):
            key = {"data": data.name, "n_images": len(data.images), "offset_by": offset_by}
            key |= {"n_texts": len(task.texts), "encoder": task.encoder.model_name}
            found = experiment.results.get(key, partial(numbers, X, Y, is_image, offset_by))
            cells = " | ".join(f"{found[k]:.2f}" for k in ("gap", "gap_after", "centroid_error"))
            lines.append(f"| {data.name} | {offset_by} | {cells} |")
        rng = np.random.default_rng(0)
        shown = np.sort(
            np.concatenate(
                [  # t-SNE of ten thousands of points takes hours
                    rng.permutation(np.flatnonzero(rows))[:2000] for rows in (is_image, ~is_image)
                ]
            )
        )
        display = EmbeddingDisplay.from_embeddings(
            X[shown],
            Y[shown],
            np.where(is_image[shown], "image", "text"),
            label_names=data.label_names,
            n_combinations=args.combinations,
            random_state=0,
        )
        save_figure(args.out / f"fig10_{data.name}.png", display.figure_)
    experiment.results.write_markdown(
        "Distances, in mean norms of the images' embeddings\n\n" + "\n".join(lines)
    )


if __name__ == "__main__":
    main()
