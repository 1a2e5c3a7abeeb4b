"""Texts and a few labelled images: mAP over shots (Fig. 6b).

    python -m benchmarks.accuracy.few_shot_setting --seeds 5

Each seed splits the pictures in halves anew: shots come from one, scores from the other.
Prints a Markdown table and draws ``few_shot_<testbed>.png``. Shots alone (no texts) stand
beside, to show what the texts are worth.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from tqdm import tqdm

from sklearn_tai import MixedPerturbation, PromptCorpusGenerator
from sklearn_tai.model_selection import few_shot_indices

from ..testbeds import add_arguments, classifier, draw_curves, halves, load_testbed, markdown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--shots", type=int, nargs="+", default=[0, 1, 2, 4, 8, 16])
    parser.add_argument("--image-shares", type=float, nargs="+", default=[0.25, 0.5])
    args = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*fewer than n_shots")  # 16 of rare labels
    warnings.filterwarnings("ignore", message=".*no positive")
    bed = load_testbed(args)
    methods = [f"texts and images, share {share:g}" for share in args.image_shares]
    scores: dict[tuple[str, int], list[float]] = {
        (name, shots): [] for name in [*methods, "images alone"] for shots in args.shots
    }
    zero_shot = []
    bar = tqdm(total=args.seeds * len(args.shots), unit="setting")
    for seed in range(args.seeds):
        generator = PromptCorpusGenerator(args.n_texts, random_state=seed, background_share=0)
        texts, Y = generator.generate(bed.label_names)
        embeddings = bed.encoder.transform(texts)
        train, test = halves(len(bed.wholes), seed)
        zero_shot.append(bed.zero_shot().score(bed.wholes[test], bed.Y[test]))
        for shots in args.shots:
            drawn = train[few_shot_indices(bed.Y[train], shots, random_state=seed)]
            X = np.vstack([embeddings, bed.wholes[drawn]])
            labels = np.vstack([Y, bed.Y[drawn]])
            modality = np.repeat(["text", "image"], [len(embeddings), len(drawn)])
            for name, share in zip(methods, args.image_shares):
                noise = MixedPerturbation(image_share=share)
                clf = classifier(args, noise, seed).fit(X, labels, modality=modality)
                scores[name, shots].append(clf.score(bed.wholes[test], bed.Y[test]))
            if shots:
                only = modality == "image"
                # as many steps as with the texts
                epochs = round(60 * len(embeddings) / len(drawn))
                clf = classifier(args, MixedPerturbation(), seed, max_epochs=epochs)
                clf.fit(X[only], labels[only], modality=modality[only])
                scores["images alone", shots].append(clf.score(bed.wholes[test], bed.Y[test]))
            bar.update()
    bar.close()
    print(f"\n{bed.name}: {len(train)} to train, {len(test)} to test, {args.seeds} seeds")
    rows = [(f"{name}, {shots} shots", v) for (name, shots), v in scores.items() if v]
    print(markdown([("zero-shot CLIP", zero_shot), *rows]))
    curves = {name: [scores[name, shots] for shots in args.shots] for name in methods}
    nothing = [np.nan] * args.seeds
    curves["images alone"] = [scores["images alone", s] or nothing for s in args.shots]
    draw_curves(
        args.out / f"few_shot_{bed.name}.png",
        args.shots,
        curves,
        xlabel="images per label",
        reference=float(np.mean(zero_shot)),
    )


if __name__ == "__main__":
    main()
