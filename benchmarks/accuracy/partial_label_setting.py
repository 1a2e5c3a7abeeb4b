"""Texts, and images with partly known labels: mAP over the known share (Fig. 6c).

    python -m benchmarks.accuracy.partial_label_setting --seeds 5

Each seed splits the images into halves: one is for training, with masked labels, the other is
scored. Prints a Markdown table and draws ``partial_labels_<testbed>.png``.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from tqdm import tqdm

from sklearn_tai import PromptCorpusGenerator, RandomPerturbation, ShiftedPerturbation
from sklearn_tai.model_selection import mask_labels

from ..testbeds import add_arguments, classifier, draw_curves, halves, load_testbed, markdown

MOVED = {
    "moved by combination (the paper)": ShiftedPerturbation(1.0, offset_by="combination"),
    "moved by label": ShiftedPerturbation(),
}
METHODS = {
    "network": MOVED | {"moved by label, trained on images": ShiftedPerturbation(image_share=0.5)},
    "kernel": MOVED
    | {
        "corrected by images (default)": RandomPerturbation(),
        "moved by label, corrected by images": ShiftedPerturbation(image_share=None),
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument(
        "--known", type=float, nargs="+", default=[0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9]
    )
    args = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*no positive")
    bed = load_testbed(args)
    methods = METHODS[args.adapter]
    scores: dict[tuple[str, float], list[float]] = {
        (name, known): [] for name in methods for known in args.known
    }
    zero_shot, texts_alone = [], []
    bar = tqdm(total=args.seeds * (len(scores) + 1), unit="fit")
    for seed in range(args.seeds):
        generator = PromptCorpusGenerator(args.n_texts, random_state=seed, background_share=0)
        texts, Y = generator.generate(bed.label_names)
        embeddings = bed.encoder.transform(texts)
        train, test = halves(len(bed.wholes), seed)
        zero_shot.append(bed.zero_shot().score(bed.wholes[test], bed.Y[test]))
        clf = classifier(args, RandomPerturbation(), seed).fit(embeddings, Y)
        texts_alone.append(clf.score(bed.wholes[test], bed.Y[test]))
        X = np.vstack([embeddings, bed.wholes[train]])
        modality = np.repeat(["text", "image"], [len(embeddings), len(train)])
        bar.update()
        for (name, known), values in scores.items():
            partly = np.vstack([Y, mask_labels(bed.Y[train], known, random_state=seed)])
            clf = classifier(args, methods[name], seed).fit(X, partly, modality=modality)
            values.append(clf.score(bed.wholes[test], bed.Y[test]))
            bar.update()
    bar.close()
    print(f"\n{bed.name}: {len(train)} to train, {len(test)} to test, {args.seeds} seeds")
    rows = [(f"{name}, {100 * known:g} % known", v) for (name, known), v in scores.items()]
    print(markdown([("zero-shot CLIP", zero_shot), ("texts alone", texts_alone), *rows]))
    curves = {name: [scores[name, known] for known in args.known] for name in methods}
    curves["texts alone"] = [texts_alone] * len(args.known)
    draw_curves(
        args.out / f"partial_labels_{bed.name}.png",
        [100 * known for known in args.known],
        curves,
        xlabel="known labels (%)",
        reference=float(np.mean(zero_shot)),
    )


if __name__ == "__main__":
    main()
