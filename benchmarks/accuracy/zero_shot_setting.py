"""Text-only training: mAP over the radius of the noise (Fig. 6a), and zero-shot CLIP.

    python -m benchmarks.accuracy.zero_shot_setting --seeds 5
    python -m benchmarks.accuracy.zero_shot_setting --testbed photos --ground FOLDER

A seed fixes both the corpus and the adapter. Prints a Markdown table and draws
``radius_curve_<testbed>.png``. For noise inside the sphere see ``benchmarks.paper.fig6``.
"""

from __future__ import annotations

import argparse

from tqdm import tqdm

from sklearn_tai import PromptCorpusGenerator, RandomPerturbation

from ..testbeds import add_arguments, classifier, draw_curves, load_testbed, markdown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--radii", type=float, nargs="+", default=[0, 0.5, 1, 2.5, 5, 10])
    args = parser.parse_args()
    bed = load_testbed(args)
    zero_shot = bed.zero_shot().score(bed.wholes, bed.Y)
    radii = [*args.radii, "auto"] if args.adapter == "kernel" else args.radii
    scores = {radius: [] for radius in radii}
    bar = tqdm(total=args.seeds * len(scores), unit="fit")
    for seed in range(args.seeds):
        generator = PromptCorpusGenerator(args.n_texts, random_state=seed, background_share=0)
        texts, Y = generator.generate(bed.label_names)
        embeddings = bed.encoder.transform(texts)
        for radius, values in scores.items():
            clf = classifier(args, RandomPerturbation(radius), seed).fit(embeddings, Y)
            values.append(clf.score(bed.wholes, bed.Y))
            bar.update()
    bar.close()
    print(f"\n{bed.name}: {len(bed.wholes)}, {args.n_texts} texts, {args.seeds} seeds")
    known = [(f"{args.adapter}, radius {r}", v) for r, v in scores.items()]
    chance = bed.Y[:, bed.Y.any(axis=0)].mean()
    print(
        markdown([("chance (share of positives)", chance), ("zero-shot CLIP", zero_shot), *known])
    )
    draw_curves(
        args.out / f"radius_curve_{bed.name}.png",
        args.radii,
        {args.adapter: [scores[radius] for radius in args.radii]},
        xlabel="radius (mean norms of the text embeddings)",
        reference=zero_shot,
    )


if __name__ == "__main__":
    main()
