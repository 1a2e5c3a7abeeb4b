"""Adapter, zero-shot CLIP, and both integrated: mAP over seeds (section 8 of the paper).

python -m benchmarks.accuracy.score_integration --seeds 5
"""

from __future__ import annotations

import argparse

from sklearn.frozen import FrozenEstimator
from tqdm import tqdm

from sklearn_tai import PromptCorpusGenerator, RandomPerturbation, ScoreEnsemble

from ..testbeds import add_arguments, classifier, load_testbed, markdown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    args = parser.parse_args()
    bed = load_testbed(args)
    zero_shot = bed.zero_shot()
    alone, of_proba, on_batch, on_fit = [], [], [], []
    for seed in tqdm(range(args.seeds), unit="fit"):
        generator = PromptCorpusGenerator(args.n_texts, random_state=seed, background_share=0)
        texts, Y = generator.generate(bed.label_names)
        clf = classifier(args, RandomPerturbation(), seed).fit(bed.encoder.transform(texts), Y)
        alone.append(clf.score(bed.wholes, bed.Y))
        parts = [("adapter", FrozenEstimator(clf)), ("clip", FrozenEstimator(zero_shot))]
        half = bed.wholes[: len(bed.wholes) // 2]
        ensemble = ScoreEnsemble(parts).fit(half)
        on_batch.append(ensemble.score(bed.wholes, bed.Y))
        paper = ScoreEnsemble(parts, scaling=[None, "minmax"]).fit(half)
        of_proba.append(paper.score(bed.wholes, bed.Y))
        on_fit.append(ensemble.set_params(scale_on="fit").fit(half).score(bed.wholes, bed.Y))
    print(f"\n{bed.name}: {len(bed.wholes)}, {args.n_texts} texts, {args.seeds} seeds")
    rows = [
        ("zero-shot CLIP", [zero_shot.score(bed.wholes, bed.Y)]),
        ("adapter", alone),
        ("probabilities of the adapter, CLIP scaled", of_proba),
        ("both, scaled on the batch", on_batch),
        ("both, scaled on half of the images", on_fit),
    ]
    print(markdown(rows))


if __name__ == "__main__":
    main()
