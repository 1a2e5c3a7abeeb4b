"""The TaI-Adapter and its rivals on the bundled pictures (Tables 1 to 3 in small).

    python benchmarks/rivals.py

Half of the pictures is there to train on, the other half is scored; each seed splits and
trains anew. Every method is scored alone and integrated with zero-shot CLIP (the mean of
min-max scaled scores). Three settings: texts alone; 4 images a label; 30 % of the labels of
all training images known.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from testbeds import classifier, halves
from tqdm import tqdm

from sklearn_tai import (
    MixedPerturbation,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    ScoreEnsemble,
    ShiftedPerturbation,
    ZeroShotClassifier,
)
from sklearn_tai.baselines import (
    CoMCClassifier,
    CoOpClassifier,
    DualCoOpClassifier,
    SARBClassifier,
    TaIDPTClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.model_selection import few_shot_indices, mask_labels

SETTINGS = ["texts alone", "4 images a label", "30 % of labels known"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-texts", type=int, default=1000)
    args = parser.parse_args()
    args.full = False
    warnings.filterwarnings("ignore", message=".*fewer than n_shots")
    warnings.filterwarnings("ignore", message=".*no positive")
    scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
    labels, everything = scenes.label_names, encoder.transform(scenes.images)
    scores: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def run(setting: str, name: str, clf: Any, X: Any, Y: Any, test: Any, **fit: Any) -> None:
        """Fit, then score on the pictures themselves, so that regions can be used."""
        begun = time.perf_counter()
        clf.fit(X, Y, **fit)
        seconds = time.perf_counter() - begun
        images = [scenes.images[i] for i in test]
        if isinstance(clf, (CoMCClassifier, SARBClassifier, type(classifier(args, None, 0)))):
            images = everything[test]  # these know embeddings only
        alone = clf.score(images, scenes.Y[test])
        pair = [("method", FrozenEstimator(clf)), ("clip", FrozenEstimator(zero_shot))]
        both = ScoreEnsemble(pair).fit(images)
        scores[setting, name].append((alone, both.score(images, scenes.Y[test]), seconds))

    for seed in tqdm(range(args.seeds), unit="seed"):
        texts, Y = PromptCorpusGenerator(args.n_texts, random_state=seed).generate(labels)
        embedded = encoder.transform(texts)
        train, test = halves(len(scenes.images), seed)
        own: dict[str, Any] = {"random_state": seed}
        zero_shot = ZeroShotClassifier(labels, encoder).fit()
        standard = ZeroShotClassifier(labels, encoder, standardize=True)

        run(SETTINGS[0], "zero-shot CLIP", zero_shot, None, None, test)
        run(SETTINGS[0], "standardised (SPARC)", standard, None, None, test)
        run(SETTINGS[0], "TaI-DPT", TaIDPTClassifier(labels, encoder, **own), texts, Y, test)
        run(SETTINGS[0], "CoMC", CoMCClassifier(encoder, **own), embedded, Y, test)
        adapter = classifier(args, RandomPerturbation(), seed)
        run(SETTINGS[0], "TaI-Adapter", adapter, embedded, Y, test)

        for setting in SETTINGS[1:]:
            if setting == SETTINGS[1]:
                chosen = train[few_shot_indices(scenes.Y[train], 4, random_state=seed)]
                partly = scenes.Y[chosen]
                noise: Any = MixedPerturbation()
            else:
                chosen = train
                partly = mask_labels(scenes.Y[train], 0.3, random_state=seed)
                noise = ShiftedPerturbation(image_share=0.5)
            images = [scenes.images[i] for i in chosen]
            run(setting, "CoOp", CoOpClassifier(labels, encoder, **own), images, partly, test)
            dual = DualCoOpClassifier(labels, encoder, **own)
            run(setting, "DualCoOp", dual, images, partly, test)
            run(setting, "SARB", SARBClassifier(encoder, **own), everything[chosen], partly, test)
            X = np.vstack([embedded, everything[chosen]])
            modality = np.repeat(["text", "image"], [len(embedded), len(chosen)])
            adapter = classifier(args, noise, seed)
            run(
                setting, "TaI-Adapter", adapter, X, np.vstack([Y, partly]), test, modality=modality
            )

    print("| setting | method | mAP alone | mAP with zero-shot CLIP | fit (s) |")
    print("|---|---|---|---|---|")
    for (setting, name), values in scores.items():
        mean, spread = np.mean(values, axis=0), np.std(values, axis=0)
        print(
            f"| {setting} | {name} | {100 * mean[0]:.1f} ± {100 * spread[0]:.1f} "
            f"| {100 * mean[1]:.1f} ± {100 * spread[1]:.1f} | {mean[2]:.1f} |"
        )


if __name__ == "__main__":
    main()
