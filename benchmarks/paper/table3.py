"""A few labelled images (Table 3): mAP over images per label.

    python -m benchmarks.paper.table3 --data voc2007=/data/VOCdevkit coco=/data/coco

A star marks the mean of the adapter's probabilities and CoOp's scores, scaled to 0 to 1.
"""

from dataclasses import replace

from sklearn_tai.model_selection import few_shot_indices

from ._experiment import Experiment, parser
from ._results import table

METHODS = ["CoOp", "TaI-DPT*", "TaI-Adapter*", "TaI-Adapter", "our default", "our default*"]


def draw_shots(task, n_shots):
    """The task with `n_shots` training images per label."""
    rows = few_shot_indices(task.Y_train, n_shots, random_state=task.seed)
    return replace(
        task,
        train_images=[task.train_images[i] for i in rows],
        embedded_train=task.embedded_train[rows],
        Y_train=task.Y_train[rows],
    )


def main() -> None:
    options = parser(__doc__, METHODS)
    options.add_argument("--shots", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    args = options.parse_args()
    experiment = Experiment(args, "table3", "few-shot")
    records = experiment.measure(args.methods, args.shots, draw_shots)
    experiment.results.write_markdown(
        "mAP (%) over labelled images per label\n\n"
        + table(records, "method", "setting", experiment="table3")
    )


if __name__ == "__main__":
    main()
