"""Methods compared on whole images and with regions, with the spread over images.

    python -m benchmarks.accuracy.headline --testbed photos --ground FOLDER
    python -m benchmarks.accuracy.headline --testbed photos --ground FOLDER --labels 20 --seeds 10

mAP in %, trained on texts alone. ``±`` is the standard deviation over seeds (texts, adapter, and
the choice of labels with ``--labels``); in brackets is the 95 % interval of the mean over seeds
when images are resampled with replacement. The last column is the lead of the default, on the
same samples.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from tqdm import tqdm

from sklearn_tai import (
    PromptCorpusGenerator,
    RandomPerturbation,
    ScoreEnsemble,
    TextAsImageClassifier,
)
from sklearn_tai.metrics import label_scores, mean_average_precision

from ..testbeds import Testbed, add_arguments, classifier, load_testbed

DEFAULT = "kernel"


def of_some_labels(bed: Testbed, n_labels: int, seed: int) -> Testbed:
    """The testbed with `n_labels` random labels, drawn from those with images."""
    shown = np.flatnonzero(bed.Y.any(axis=0))
    chosen = np.random.default_rng(seed).choice(shown, n_labels, replace=False)
    prompts = None if bed.prompts is None else bed.prompts[chosen]
    names = [bed.label_names[k] for k in chosen]
    return replace(bed, label_names=names, Y=bed.Y[:, chosen], prompts=prompts)


def fitted(bed: Testbed, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Classifiers by name; for a single label, without those that standardise."""
    texts, Y = PromptCorpusGenerator(args.n_texts, random_state=seed).generate(bed.label_names)
    X = bed.encoder.transform(texts)
    found: dict[str, Any] = {}
    for end in ["", ", standardised"][: len(bed.label_names)]:
        clip = found[f"zero-shot CLIP{end}"] = bed.zero_shot(standardize=bool(end))
        if bed.prompts is not None:
            own = found[f"zero-shot CLIP, published prompt{end}"] = copy(clip)
            own.label_embeddings_ = bed.prompts
    found["zero-shot CLIP, standardised against everyday things"] = bed.zero_shot(
        standardize=True, background=True
    )
    network = classifier(args, RandomPerturbation(2.5), seed, adapter="network")
    found["the paper's network"] = network.fit(X, Y)
    found[DEFAULT] = TextAsImageClassifier(bed.encoder).fit(X, Y)
    if len(bed.label_names) > 1:
        pair = [("kernel", FrozenEstimator(found[DEFAULT])), ("clip", FrozenEstimator(clip))]
        found["kernel and standardised zero-shot CLIP"] = ScoreEnsemble(pair).fit(X, Y)
    return found


def resampled(Y: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """mAP of resampled images; `counts` (n_draws, n_images) is how often each was drawn."""
    total, present = np.zeros(len(counts)), np.zeros(len(counts))
    for truth, score in zip(Y.T, scores.T):
        order = np.argsort(-score, kind="stable")
        weight = counts[:, order]
        hits = np.cumsum(weight * truth[order], axis=1)
        precision = hits / np.maximum(np.cumsum(weight, axis=1), 1)
        total += (precision * weight * truth[order]).sum(axis=1) / np.maximum(hits[:, -1], 1)
        present += hits[:, -1] > 0
    return np.divide(total, present, where=present > 0, out=np.full(len(counts), np.nan))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--labels", type=int, help="as many random ones a seed; else all")
    parser.add_argument("--draws", type=int, default=2000, help="of the images")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UndefinedMetricWarning)  # labels without images
    if args.n_texts is None and args.labels is not None:
        args.n_texts = 1000
    everything = load_testbed(args)
    n = len(everything.Y)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=args.draws)
    views = {"": everything.wholes}
    if everything.images.ndim == 3:
        views[", with regions"] = everything.images
    default = DEFAULT + list(views)[-1]
    values, draws = defaultdict(list), defaultdict(list)
    for seed in tqdm(range(args.seeds), unit="seed"):
        bed = everything if args.labels is None else of_some_labels(everything, args.labels, seed)
        for name, clf in fitted(bed, args, seed).items():
            for view, images in views.items():
                scores = label_scores(clf, images)
                values[name + view].append(100 * mean_average_precision(bed.Y, scores))
                draws[name + view].append(100 * resampled(bed.Y, scores, counts))
        values["chance"].append(100 * bed.Y[:, bed.Y.any(axis=0)].mean())
    print(f"\n{bed.name}: {n} images, {bed.Y.shape[1]} labels, {args.n_texts} texts, ", end="")
    print(f"{args.seeds} seeds; chance {np.mean(values.pop('chance')):.1f}\n")
    print("| method | mAP | the default is ahead by |\n|---|---|---|")
    # images drawn twice raise the mAP of all methods alike
    of_name = {name: np.nanmean(d, axis=0) - np.nanmean(d) for name, d in draws.items()}
    for name, v in values.items():
        mean, spread = np.mean(v), f" ± {np.std(v, ddof=1):.1f}" if np.ptp(v) > 0.01 else ""
        gain = np.mean(values[default]) - mean
        lead = interval(gain, of_name[default] - of_name[name])
        ahead = "" if name == default else f"{gain:.1f} {lead}"
        print(f"| {name} | {mean:.1f}{spread} {interval(mean, of_name[name])} | {ahead} |")


def interval(mean: float, deviations: np.ndarray) -> str:
    low, high = mean + np.nanquantile(deviations, [0.025, 0.975])
    return f"({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
