"""Images with partly known labels (Table 1): mAP over the known share.

    python -m benchmarks.paper.table1 --data voc2007=/data/VOCdevkit coco=/data/coco

Each entry of the labels of the training images is kept with the given probability.
Images are 448 x 448, except the bundled pictures. A star marks the mean of the adapter's
probabilities and DualCoOp's scores, scaled to 0 to 1.
"""

from dataclasses import replace

from sklearn_tai.model_selection import mask_labels

from ._experiment import Experiment, parser
from ._results import table

METHODS = [
    "SARB",
    "DualCoOp",
    "TaI-DPT*",
    "TaI-Adapter*",
    "TaI-Adapter",
    "TaI-Adapter, moved by label",
    "our default",
    "our default*",
]


def mask(task, known):
    """The task with `known` per cent of its images' labels; texts alone if 0."""
    if not known:
        return replace(task, setting="zero-shot", embedded_train=None, Y_train=None)
    Y = mask_labels(task.Y_train, known / 100, random_state=task.seed)
    return replace(task, Y_train=Y)


def main() -> None:
    options = parser(__doc__, METHODS)
    options.add_argument("--known", type=int, nargs="+", default=list(range(10, 100, 10)))
    options.set_defaults(image_size=448)
    args = options.parse_args()
    experiment = Experiment(args, "table1", "partial-labels")
    records = experiment.measure(args.methods, args.known, mask)
    experiment.results.write_markdown(
        "mAP (%) over the share of known labels (%)\n\n"
        + table(records, "method", "setting", experiment="table1", mean=True)
    )


if __name__ == "__main__":
    main()
