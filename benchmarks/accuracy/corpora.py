"""Prompts, a language model's captions, and both: mAP over kind and size (Figs. 5a, 5b).

    python -m benchmarks.accuracy.corpora
    python -m benchmarks.accuracy.corpora --testbed photos --sizes 250 500 1000 --ground FOLDER

Captions come from a file of :class:`sklearn_tai.corpus.Corpus`; the bundled ones were written
by a small model on a real Ollama server about the labels of the pictures or photos. A seed
fixes the prompts, the captions drawn for a size, and the adapter.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sklearn_tai import PromptCorpusGenerator, RandomPerturbation
from sklearn_tai.corpus import Corpus
from sklearn_tai.corpus._cleaning import named_labels

from ..testbeds import add_arguments, classifier, draw_curves, load_testbed, markdown

DATA = Path(__file__).parents[1] / "data"
COCO_CAPTIONS = DATA / "captions_coco80_qwen2.5-coder-1.5b.jsonl"
CAPTIONS = {
    "pictures": DATA / "captions_qwen2.5-coder-1.5b.jsonl",
    "photos": COCO_CAPTIONS,
    "published": COCO_CAPTIONS,
}


def relabel(captions: Corpus, policy: str) -> Corpus:
    """Apply the generator's `label_policy` to captions with their sampled labels."""
    named = np.zeros_like(captions.Y)
    for row, text in enumerate(captions.texts):
        named[row, named_labels(text, captions.label_names)] = 1
    if policy == "all":
        kept = np.flatnonzero((named >= captions.Y).all(axis=1))
        texts, Y = [captions.texts[i] for i in kept], captions.Y[kept]
    else:
        kept = np.flatnonzero(named.any(axis=1))
        texts, Y = [captions.texts[i] for i in kept], named[kept]
    return Corpus(texts, Y, captions.label_names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--captions", type=Path, help="in place of the bundled ones")
    parser.add_argument("--label-policy", choices=["sampled", "all", "named"], default="sampled")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 150, 300, 600])
    args = parser.parse_args()
    bed = load_testbed(args)
    captions = Corpus.load(args.captions or CAPTIONS[bed.name], bed.label_names)
    if args.label_policy != "sampled":
        captions = relabel(captions, args.label_policy)
    embedded = bed.encoder.transform(captions.texts)
    largest = max(args.sizes)
    kinds = ["prompts", "captions", "both, half of each", "both, all of each"]
    scores: dict[tuple[str, int], list[float]] = {(k, n): [] for k in kinds for n in args.sizes}
    bar = tqdm(total=args.seeds * len(scores), unit="fit")
    for seed in range(args.seeds):
        generator = PromptCorpusGenerator(largest, random_state=seed, background_share=0)
        texts, prompts = generator.generate(bed.label_names)
        of_prompts = bed.encoder.transform(texts)
        order = np.random.default_rng(seed).permutation(len(captions))
        for kind, n in scores:
            shares = {"prompts": (1, 0), "captions": (0, 1), "both, half of each": (0.5, 0.5)}
            a, b = (int(n * share) for share in shares.get(kind, (1, 1)))
            drawn = order[:b]
            X = np.vstack([of_prompts[:a], embedded[drawn]])
            labels = np.vstack([prompts[:a], captions.Y[drawn]])
            # the same number of steps for all sizes, or few texts would also mean little training
            epochs = round(60 * largest / len(X))
            clf = classifier(args, RandomPerturbation(), seed, max_epochs=epochs)
            scores[kind, n].append(clf.fit(X, labels).score(bed.wholes, bed.Y))
            bar.update()
    bar.close()
    print(f"\n{len(bed.wholes)} pictures, {len(captions)} captions, {args.seeds} seeds")
    zero_shot = bed.zero_shot().score(bed.wholes, bed.Y)
    rows = [(f"{kind}, {n}", values) for (kind, n), values in scores.items()]
    print(markdown([("zero-shot CLIP", zero_shot), *rows]))
    draw_curves(
        args.out / "corpora.png",
        args.sizes,
        {kind: [scores[kind, n] for n in args.sizes] for kind in kinds},
        xlabel="texts (twice as many for all of each)",
        reference=zero_shot,
    )


if __name__ == "__main__":
    main()
