"""Radius, labelled images, known labels (Fig. 6): mAP of the adapter over each.

python -m benchmarks.paper.fig6 --data voc2007=/data/VOCdevkit --parts a
"""

from dataclasses import replace

import torch

from sklearn_tai import RandomPerturbation

from ._experiment import Experiment, parser
from ._results import draw, table
from .table1 import mask
from .table3 import draw_shots

RADII = [0, 1, 2, 2.5, 3.5, 5, 7.5]


class VolumePerturbation(RandomPerturbation):
    """Noise uniform in the ball's volume: in d dimensions, its length is ``r * u ** (1 / d)``."""

    def perturb(self, X, is_image=None, generator=None):
        u = torch.rand((len(X), 1), generator=generator, device=X.device, dtype=X.dtype)
        return X + (super().perturb(X, is_image, generator) - X) * u ** (1 / X.shape[1])


NOISE = {
    "surface": RandomPerturbation(),
    "interior": RandomPerturbation(surface=False),  # the length is uniform in [0, r]
    "interior, by volume": VolumePerturbation(),
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--parts", nargs="+", choices=["a", "b", "c"], default=["a", "b", "c"])
    options.add_argument("--radii", type=float, nargs="+", default=RADII)
    options.add_argument("--shots", type=int, nargs="+", default=[0, 1, 2, 4, 8, 16])
    options.add_argument("--known", type=int, nargs="+", default=list(range(0, 100, 10)))
    args = options.parse_args()
    if "a" in args.parts:
        experiment = Experiment(args, "fig6a", "zero-shot", train=False)
        records = []
        for kind, perturbation in NOISE.items():

            def noise(task, radius, perturbation=perturbation):
                return replace(task, noise=perturbation.set_params(radius=radius))

            radii = args.radii if kind == "surface" else [r for r in args.radii if r]
            records += experiment.measure(["TaI-Adapter"], radii, noise, kind)
        xlabel = "radius of the noise (mean norms of the text embeddings)"
        _show(experiment, records, "kind", xlabel)
    if "b" in args.parts:
        experiment = Experiment(args, "fig6b", "few-shot")
        methods = ["TaI-Adapter", "our default"]
        records = experiment.measure(methods, args.shots, draw_shots)
        _show(experiment, records, "method", "labelled images per label")
    if "c" in args.parts:
        args.image_size = args.image_size or 448
        experiment = Experiment(args, "fig6c", "partial-labels")
        methods = ["TaI-Adapter", "TaI-Adapter, moved by label", "our default"]
        records = experiment.measure(methods, args.known, mask)
        _show(experiment, records, "method", "known labels (%)")


def _show(experiment: Experiment, records: list, rows: str, xlabel: str) -> None:
    draw(experiment.args.out / f"{experiment.name}.png", records, rows, xlabel=xlabel)
    experiment.results.write_markdown(
        f"mAP (%) over {xlabel}\n\n" + table(records, rows, "setting", experiment=experiment.name)
    )


if __name__ == "__main__":
    main()
