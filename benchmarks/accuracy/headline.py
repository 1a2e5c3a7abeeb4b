"""The methods side by side, with the spread over seeds and over images.

    python -m benchmarks.accuracy.headline --testbed photos --ground FOLDER

mAP in %, trained on texts alone. ``±`` is the standard deviation over seeds (texts and adapter);
in brackets is the 95 % interval of the mean over seeds when the images are drawn again (with
replacement). The last column is by how much the default is ahead, on the same draws.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from tqdm import tqdm

from sklearn_tai import (
    MultiCropClassifier,
    PromptCorpusGenerator,
    RandomPerturbation,
    ScoreEnsemble,
    TextAsImageClassifier,
)
from sklearn_tai.metrics import mean_average_precision

from ..testbeds import Testbed, add_arguments, classifier, load_testbed

DEFAULT = "`TextAsImageClassifier()`"


def zero_shot_scores(bed: Testbed) -> dict[str, np.ndarray]:
    """Scores by method, of those that have nothing at random in them."""
    found = {}
    prompts = {"label names": None, "published prompt": bed.prompts}
    for name, embeddings in prompts.items():
        for end, standardize in (("", False), (", standardised", True)):
            clip = bed.zero_shot(standardize=standardize)
            if embeddings is not None:
                clip.label_embeddings_ = embeddings
            if embeddings is not None or name == "label names":
                found[f"zero-shot CLIP, {name}{end}"] = clip.decision_function(bed.images)
    if bed.pictures is not None:
        crops = MultiCropClassifier(FrozenEstimator(bed.zero_shot(standardize=True))).fit()
        found["standardised zero-shot CLIP on 5 crops"] = crops.decision_function(bed.pictures)
    return found


def trained_scores(
    bed: Testbed, args: argparse.Namespace, X: np.ndarray, Y: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Scores by method, of those that learn from texts."""
    found = {}
    for radius in (0, 2.5):
        clf = classifier(args, RandomPerturbation(radius), seed, adapter="network").fit(X, Y)
        found[f"the paper's network, radius {radius}"] = clf.decision_function(bed.images)
    kernel = TextAsImageClassifier(bed.encoder).fit(X, Y)
    found[DEFAULT] = kernel.decision_function(bed.images)
    pair = [("kernel", kernel), ("clip", bed.zero_shot(standardize=True))]
    both = ScoreEnsemble([(name, FrozenEstimator(member)) for name, member in pair]).fit(X, Y)
    found["the default and standardised zero-shot CLIP"] = both.predict_proba(bed.images)
    if bed.pictures is not None:
        crops = MultiCropClassifier(FrozenEstimator(kernel)).fit(X, Y)
        found["the default on 5 crops"] = crops.decision_function(bed.pictures)
    return found


def resampled(Y: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """mAP where each image counts as often as `counts` (n_draws, n_images) says."""
    total, present = np.zeros(len(counts)), np.zeros(len(counts))
    for truth, score in zip(Y.T, scores.T):
        order = np.argsort(-score, kind="stable")
        weight = counts[:, order]
        hits = np.cumsum(weight * truth[order], axis=1)
        precision = hits / np.maximum(np.cumsum(weight, axis=1), 1)
        total += (precision * weight * truth[order]).sum(axis=1) / np.maximum(hits[:, -1], 1)
        present += hits[:, -1] > 0
    return total / present


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--draws", type=int, default=2000, help="of the images")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UndefinedMetricWarning)  # labels without images
    bed = load_testbed(args)
    n = len(bed.images)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=args.draws)
    scores = defaultdict(list, {name: [s] for name, s in zero_shot_scores(bed).items()})
    for seed in tqdm(range(args.seeds), unit="seed"):
        texts, Y = PromptCorpusGenerator(args.n_texts, random_state=seed).generate(bed.label_names)
        X = bed.encoder.transform(texts)
        for name, found in trained_scores(bed, args, X, np.asarray(Y), seed).items():
            scores[name].append(found)
    values, draws = {}, {}
    for name, of_seeds in scores.items():
        values[name] = [100 * mean_average_precision(bed.Y, s) for s in of_seeds]
        drawn = 100 * np.mean([resampled(bed.Y, s, counts) for s in of_seeds], axis=0)
        # images that are drawn twice raise mAP, for all methods alike
        draws[name] = drawn - drawn.mean() + np.mean(values[name])
    seen = bed.Y[:, bed.Y.any(axis=0)]
    print(f"\n{bed.name}: {n} images, {seen.shape[1]} of {bed.Y.shape[1]} labels shown, ", end="")
    print(f"{args.n_texts} texts, {args.seeds} seeds; chance {100 * seen.mean():.1f}\n")
    print("| method | mAP | the default is ahead by |\n|---|---|---|")
    for name, v in values.items():
        spread = f" ± {np.std(v, ddof=1):.1f}" if len(v) > 1 else ""
        gain = np.mean(values[DEFAULT]) - np.mean(v)
        ahead = "" if name == DEFAULT else f"{gain:.1f} {interval(draws[DEFAULT] - draws[name])}"
        print(f"| {name} | {np.mean(v):.1f}{spread} {interval(draws[name])} | {ahead} |")


def interval(draws: np.ndarray) -> str:
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
