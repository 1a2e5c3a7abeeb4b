"""Texts alone (Table 2): mAP of the adapter, its rivals, and zero-shot CLIP.

python -m benchmarks.paper.table2 --data voc2007=/data/VOCdevkit coco=/data/coco
"""

from ._experiment import Experiment, parser
from ._results import table

METHODS = ["zero-shot CLIP", "TaI-DPT", "CoMC", "TaI-Adapter", "our default"]


def main() -> None:
    args = parser(__doc__, METHODS).parse_args()
    experiment = Experiment(args, "table2", "zero-shot", train=False)
    records = experiment.measure(args.methods, [""])
    experiment.results.write_markdown(
        "mAP (%), trained on texts alone\n\n"
        + table(records, "method", "data", experiment="table2")
    )


if __name__ == "__main__":
    main()
