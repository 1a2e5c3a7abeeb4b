"""Number and kind of texts (Fig. 5): mAP of the adapter trained on texts alone.

    python -m benchmarks.paper.fig5 --data coco=/data/coco --captions captions.jsonl

Part a is the number of texts, part b prompts, a language model's captions, and half of
each. Without --captions there are prompts alone, and for the bundled pictures the captions
in benchmarks/data.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from sklearn_tai import PromptCorpusGenerator

from ._experiment import Experiment, draw_captions, parser
from ._results import draw, table

BUNDLED = Path(__file__).parents[1] / "data" / "captions_qwen2.5-coder-1.5b.jsonl"


def corpora(captions: Path | None):
    """What makes a task of a kind of texts, by kind."""

    def change(n_prompts, n_captions):
        def of_size(task, n_texts):
            texts: list[str] = []
            labels = np.zeros((0, len(task.label_names)), dtype=int)
            if n := round(n_prompts * n_texts):
                generator = PromptCorpusGenerator(n, random_state=task.seed, background_share=0)
                texts, labels = generator.generate(task.label_names)
            if n := round(n_captions * n_texts):
                written, of_written = draw_captions(captions, task.label_names, n, task.seed)
                texts = [*texts, *written]
                labels = np.vstack([labels, of_written])
            embedded = task.encoder.transform(texts)
            return replace(task, texts=list(texts), embedded_texts=embedded, Y_texts=labels)

        return of_size

    kinds = {"prompts": change(1, 0)}
    if captions is not None:
        kinds |= {"captions": change(0, 1), "half of each": change(0.5, 0.5)}
    return kinds


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sizes", type=int, nargs="+")
    args = options.parse_args()
    pictures = args.data == ["pictures"]
    if pictures and args.captions is None:
        args.captions = BUNDLED
    sizes = args.sizes or ([75, 150, 300, 600] if pictures else [100, 1000, 5000, 10_000])
    captions, args.captions = args.captions, None  # the kinds read them
    args.n_texts = max(sizes)
    experiment = Experiment(args, "fig5", train=False)
    records = [
        record
        for kind, change in corpora(captions).items()
        for record in experiment.measure(["TaI-Adapter"], sizes, change, kind)
    ]
    draw(args.out / "fig5.png", records, "kind", xlabel="texts")
    experiment.results.write_markdown(
        "mAP (%) over the number of texts\n\n"
        + table(records, "kind", "setting", experiment="fig5")
    )


if __name__ == "__main__":
    main()
