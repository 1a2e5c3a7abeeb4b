"""Number and kind of texts (Fig. 5): mAP of the adapter trained on texts alone.

    python -m benchmarks.paper.fig5 --data coco=/data/coco \
        --corpora "Instruction-1=caption.jsonl" "Instruction-2=organize.jsonl"

One curve over the number of texts for templates and for each saved corpus: made with the
paper's two instructions (part b), or by several language models (part c).
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from sklearn_tai import PromptCorpusGenerator

from ._experiment import Experiment, draw_captions, parser
from ._results import draw, table

BUNDLED = Path(__file__).parents[1] / "data"
FILES = {
    "pictures": BUNDLED / "captions_qwen2.5-coder-1.5b.jsonl",
    "photos": BUNDLED / "captions_coco80_qwen2.5-coder-1.5b.jsonl",
}


def named_file(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not path or not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=FILE, a saved corpus.")
    return name, Path(path)


def of_size(task, n_texts, path):
    """The task with `n_texts` captions of a file, or templates."""
    if path is None:
        generator = PromptCorpusGenerator(n_texts, random_state=task.seed, background_share=0)
        texts, labels = generator.generate(task.label_names)
    else:
        texts, labels = draw_captions(path, task.label_names, n_texts, task.seed)
    embedded = task.encoder.transform(texts)
    return replace(task, texts=list(texts), embedded_texts=embedded, Y_texts=labels)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sizes", type=int, nargs="+")
    options.add_argument(
        "--corpora",
        nargs="+",
        type=named_file,
        metavar="NAME=FILE",
        help="saved corpora; those in benchmarks/data for pictures and photos",
    )
    args = options.parse_args()
    data = args.data[0].partition("=")[0]
    corpora = dict(args.corpora or [])
    if data in FILES:
        corpora = corpora or {"captions of qwen2.5-coder:1.5b": FILES[data]}
    sizes = args.sizes or ([75, 150, 300, 600] if data in FILES else [100, 1000, 5000, 10_000])
    args.n_texts = max(sizes)
    experiment = Experiment(args, "fig5", "zero-shot", train=False)
    records = [
        record
        for kind, path in {"templates": None, **corpora}.items()
        for record in experiment.measure(["TaI-Adapter"], sizes, partial(of_size, path=path), kind)
    ]
    draw(args.out / "fig5.png", records, "kind", xlabel="texts")
    experiment.results.write_markdown(
        "mAP (%) over the number of texts\n\n"
        + table(records, "kind", "setting", experiment="fig5")
    )


if __name__ == "__main__":
    main()
