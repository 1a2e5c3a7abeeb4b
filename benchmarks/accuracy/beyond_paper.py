"""Gains beyond the paper: heads, losses, noise, centring, standardising, the kernel.

    python -m benchmarks.accuracy.beyond_paper
    python -m benchmarks.accuracy.beyond_paper --testbed photos --ground FOLDER

Each is measured alone and with others, in text-only training. The kernel's radius is "auto",
that of networks is the paper's (`--radius`). `--only` picks rows by a part of their name.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from scipy import stats
from sklearn.frozen import FrozenEstimator
from tqdm import tqdm

from sklearn_tai import (
    PromptCorpusGenerator,
    RandomPerturbation,
    ScoreEnsemble,
    ZeroShotClassifier,
)

from ..testbeds import Testbed, add_arguments, classifier, load_testbed

# name: parameters of the classifier, of the perturbation, and further options
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "network, radius 0": ({}, {"radius": 0}, set()),
    "network": ({}, {}, set()),
    "network, asymmetric loss": ({"loss": "asymmetric"}, {}, set()),
    "network, ranking loss": ({"loss": "ranking"}, {}, set()),
    "network, cosine head": ({"head": "cosine"}, {}, set()),
    "network, noise of the texts' covariance": ({}, {"covariance": "texts"}, set()),
    "network, centred texts": ({"center": True}, {}, set()),
    "network, centred by unlabelled images": ({"center": True}, {}, {"unlabelled"}),
    "network, standardised": ({"standardize": True}, {}, set()),
    "network and zero-shot": ({}, {}, {"zero-shot"}),
    "network, cosine, ranking, centred and zero-shot": (
        {"head": "cosine", "loss": "ranking", "center": True},
        {},
        {"unlabelled", "zero-shot"},
    ),
    "linear": ({"hidden_layer_sizes": ()}, {}, set()),
    "linear, asymmetric loss": ({"hidden_layer_sizes": (), "loss": "asymmetric"}, {}, set()),
    "linear, ranking loss": ({"hidden_layer_sizes": (), "loss": "ranking"}, {}, set()),
    "linear, cosine head": ({"hidden_layer_sizes": (), "head": "cosine"}, {}, set()),
    "linear, centred by unlabelled images": (
        {"hidden_layer_sizes": (), "center": True},
        {},
        {"unlabelled"},
    ),
    "linear, centred and zero-shot": (
        {"hidden_layer_sizes": (), "center": True},
        {},
        {"unlabelled", "zero-shot"},
    ),
    "linear, cosine, ranking, centred and zero-shot": (
        {"hidden_layer_sizes": (), "head": "cosine", "loss": "ranking", "center": True},
        {},
        {"unlabelled", "zero-shot"},
    ),
    "kernel": ({"adapter": "kernel"}, {}, set()),
    "kernel, centred texts": ({"adapter": "kernel", "center": True}, {}, set()),
    "kernel, centred by unlabelled images": (
        {"adapter": "kernel", "center": True},
        {},
        {"unlabelled"},
    ),
    "kernel, standardised": ({"adapter": "kernel", "standardize": True}, {}, set()),
    "kernel and zero-shot": ({"adapter": "kernel"}, {}, {"zero-shot"}),
    "kernel and standardised zero-shot": ({"adapter": "kernel"}, {}, {"standardized"}),
    "kernel, standardised, and standardised zero-shot": (
        {"adapter": "kernel", "standardize": True},
        {},
        {"standardized"},
    ),
    "kernel and network": ({"adapter": "kernel"}, {}, {"network"}),
    "kernel, five times the texts": ({"adapter": "kernel"}, {}, {"more texts"}),
}


def run(args: Any, bed: Testbed, row: str, corpora: list[Any], seed: int) -> tuple[float, float]:
    """Mean average precision, and the seconds of a fit on embeddings."""
    params, noise, extras = ROWS[row]
    X, Y = corpora[seed]
    if "more texts" in extras:
        X, Y = (np.concatenate(parts) for parts in zip(*corpora))
    modality = np.full(len(X), "text", dtype="<U5")
    unlabelled = bed.unlabelled if "unlabelled" in extras else bed.unlabelled[:0]
    X = np.concatenate([X, unlabelled])
    Y = np.concatenate([Y, np.full((len(unlabelled), Y.shape[1]), -1)])
    modality = np.concatenate([modality, np.full(len(unlabelled), "image")])
    noise = noise if "adapter" in params else {"radius": args.radius, **noise}
    clf = classifier(args, RandomPerturbation(**noise), seed, **params)
    begun = time.perf_counter()
    clf.fit(X, Y, modality)
    seconds = time.perf_counter() - begun
    members: list[Any] = [clf]
    if extras & {"zero-shot", "standardized"}:
        members.append(
            ZeroShotClassifier(
                bed.label_names, bed.encoder, standardize="standardized" in extras
            ).fit()
        )
    if "network" in extras:
        network = classifier(args, RandomPerturbation(args.radius), seed)
        members.append(network.fit(X, Y, modality))
    if len(members) == 1:
        return clf.score(bed.wholes, bed.Y), seconds
    named = [(str(i), FrozenEstimator(member)) for i, member in enumerate(members)]
    return ScoreEnsemble(named).fit(X, Y).score(bed.wholes, bed.Y), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--radius", type=float, default=2.5, help="of the networks")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", "X does not have valid feature names")
    bed = load_testbed(args)
    corpora = []
    for seed in tqdm(range(args.seeds), desc="corpora"):
        texts, Y = PromptCorpusGenerator(
            args.n_texts, random_state=seed, background_share=0
        ).generate(bed.label_names)
        corpora.append((bed.encoder.transform(texts), np.asarray(Y)))
    clip = bed.zero_shot()
    zero_shot = clip.score(bed.wholes, bed.Y)
    print("| method | mAP | over zero-shot | seconds to fit |\n|---|---|---|---|")
    print(f"| zero-shot | {100 * zero_shot:.1f} | | |")
    standardized = clip.set_params(standardize=True).score(bed.wholes, bed.Y)
    print(f"| zero-shot, standardised | {100 * standardized:.1f} | | |", flush=True)
    for row in ROWS:
        if args.only not in row:
            continue
        scores, seconds = zip(*(run(args, bed, row, corpora, s) for s in range(args.seeds)))
        v = 100 * np.array(scores)
        spread = f" ± {stats.tstd(v):.1f}" if len(v) > 1 else ""
        gain = v.mean() - 100 * zero_shot
        print(
            f"| {row} | {v.mean():.1f}{spread} | {gain:+.1f} | {np.median(seconds):.2g} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
