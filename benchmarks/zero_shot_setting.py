"""Text-only training on the bundled pictures: mAP over seeds, beside zero-shot CLIP.

    python benchmarks/zero_shot_setting.py --seeds 5

A seed fixes both the corpus and the adapter. Prints a Markdown table.
"""

from __future__ import annotations

import argparse

import numpy as np
from tqdm import tqdm

from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-texts", type=int, default=1000)
    parser.add_argument("--radii", type=float, nargs="+", default=[0, 1, 2.5, 5])
    parser.add_argument("--max-lr", type=float, default=1e-4)
    parser.add_argument("--max-epochs", type=int, default=60)
    parser.add_argument("--labels-per-text", type=int, nargs=2, default=(1, 4))
    args = parser.parse_args()
    scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
    images = encoder.transform(scenes.images)
    zero_shot = ZeroShotClassifier(scenes.label_names, encoder).fit().score(images, scenes.Y)
    scores: dict[float, list[float]] = {radius: [] for radius in args.radii}
    bar = tqdm(total=args.seeds * len(args.radii), unit="fit")
    for seed in range(args.seeds):
        generator = PromptCorpusGenerator(
            args.n_texts, labels_per_text=tuple(args.labels_per_text), random_state=seed
        )
        texts, Y = generator.generate(scenes.label_names)
        embeddings = encoder.transform(texts)
        for radius in args.radii:
            clf = TextAsImageClassifier(
                encoder,
                RandomPerturbation(radius),
                max_lr=args.max_lr,
                max_epochs=args.max_epochs,
                random_state=seed,
            )
            scores[radius].append(clf.fit(embeddings, Y).score(images, scenes.Y))
            bar.update()
    bar.close()
    print(f"\n{len(images)} pictures, {args.n_texts} texts, {args.seeds} seeds")
    print("| method | mAP (mean) | standard deviation | lowest | highest |")
    print("|---|---|---|---|---|")
    print(f"| chance (share of positives) | {100 * scenes.Y.mean():.1f} | | | |")
    print(f"| zero-shot CLIP | {100 * zero_shot:.1f} | | | |")
    for radius, values in scores.items():
        v = 100 * np.array(values)
        spread = f"{v.std(ddof=1) if len(v) > 1 else 0:.1f} | {v.min():.1f} | {v.max():.1f}"
        print(f"| adapter, radius {radius:g} | {v.mean():.1f} | {spread} |")


if __name__ == "__main__":
    main()
