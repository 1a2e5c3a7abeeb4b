"""Radius, labelled images, known labels (Fig. 6): mAP of the adapter over each.

python -m benchmarks.paper.fig6 --data voc2007=/data/VOCdevkit --parts a
"""

from dataclasses import replace

from ._experiment import Experiment, parser
from ._results import draw, table
from .table1 import mask
from .table3 import draw_shots

RADII = [0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--parts", nargs="+", choices=["a", "b", "c"], default=["a", "b", "c"])
    options.add_argument("--radii", type=float, nargs="+", default=RADII)
    args = options.parse_args()
    if "a" in args.parts:
        experiment = Experiment(args, "fig6a", train=False)
        records = []
        for kind, surface in (("surface", True), ("interior", False)):

            def noise(task, radius, surface=surface):
                return replace(task, noise={"radius": radius, "surface": surface})

            records += experiment.measure(["TaI-Adapter"], args.radii, noise, kind)
        xlabel = "radius of the noise (mean norms of the text embeddings)"
        _show(experiment, records, "kind", xlabel)
    if "b" in args.parts:
        experiment = Experiment(args, "fig6b", train=True)
        methods = ["TaI-Adapter, texts and shots"]
        records = experiment.measure(methods, [0, 1, 2, 4, 8, 16], draw_shots)
        _show(experiment, records, "method", "labelled images a label")
    if "c" in args.parts:
        args.image_size = args.image_size or 448
        experiment = Experiment(args, "fig6c", train=True)
        methods = ["TaI-Adapter, moved by combination", "TaI-Adapter, moved by label"]
        records = experiment.measure(methods, list(range(0, 100, 10)), mask)
        _show(experiment, records, "method", "known labels (%)")


def _show(experiment: Experiment, records: list, rows: str, xlabel: str) -> None:
    draw(experiment.args.out / f"{experiment.name}.png", records, rows, xlabel=xlabel)
    experiment.results.write_markdown(
        f"mAP (%) over {xlabel}\n\n" + table(records, rows, "setting", experiment=experiment.name)
    )


if __name__ == "__main__":
    main()
