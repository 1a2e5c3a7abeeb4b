"""The TaI-Adapter and its rivals on the bundled pictures (Tables 1 to 3 on little data).

    python -m benchmarks.accuracy.rivals
    python -m benchmarks.accuracy.rivals --testbed photos --ground FOLDER

Half of the images are for training, the other half is scored, with a new split for each seed.
Every method is scored alone and integrated with zero-shot CLIP (the mean of min-max scaled
scores), on whole images unless the row says otherwise; TaI-DPT and DualCoOp always use regions.
Three settings: texts alone; 4 images per label; 30 % of the labels of all training images known.
Methods that learn prompts need CLIP's own text tower, so they are skipped if the ground has a
fitted one.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from tqdm import tqdm

from sklearn_tai import (
    MixedPerturbation,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    ScoreEnsemble,
    ShiftedPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.baselines import (
    CoMCClassifier,
    CoOpClassifier,
    DualCoOpClassifier,
    SARBClassifier,
    TaIDPTClassifier,
)
from sklearn_tai.model_selection import few_shot_indices, mask_labels

from ..testbeds import add_arguments, classifier, halves, load_testbed

LEARN_PROMPTS = (CoOpClassifier, DualCoOpClassifier, TaIDPTClassifier)
REGIONS = ", with regions"
SETTINGS = ["texts alone", "4 images per label", "30 % of labels known"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--only", default="", help="methods whose name holds this")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*fewer than n_shots")
    warnings.filterwarnings("ignore", message=".*no positive")
    bed = load_testbed(args)
    labels, encoder, everything, truth = bed.label_names, bed.encoder, bed.wholes, bed.Y
    pictures, regions = bed.pictures, bed.images.ndim == 3
    learns_prompts = pictures and isinstance(encoder, OpenCLIPEncoder)
    scores: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def run(setting: str, name: str, clf: Any, X: Any, Y: Any, test: Any, **fit: Any) -> None:
        """Fit, then score; prompt learners get the images, others their embeddings."""
        if args.only not in name:
            return
        begun = time.perf_counter()
        clf.fit(X, Y, **fit)
        seconds = time.perf_counter() - begun
        images = (bed.images if REGIONS in name else everything)[test]
        if isinstance(clf, LEARN_PROMPTS):
            images = [pictures[i] for i in test]
        zero_shot.set_params(region_weight="auto" if REGIONS in name else 0)
        alone = clf.score(images, truth[test])
        pair = [("method", FrozenEstimator(clf)), ("clip", FrozenEstimator(zero_shot))]
        both = ScoreEnsemble(pair).fit(images)
        scores[setting, name].append((alone, both.score(images, truth[test]), seconds))

    for seed in tqdm(range(args.seeds), unit="seed"):
        texts, Y = PromptCorpusGenerator(
            args.n_texts, random_state=seed, background_share=0
        ).generate(labels)
        embedded = encoder.transform(texts)
        train, test = halves(len(everything), seed)
        own: dict[str, Any] = {"random_state": seed}
        zero_shot = ZeroShotClassifier(labels, encoder).fit()
        standard = ZeroShotClassifier(labels, encoder, standardize=True)

        run(SETTINGS[0], "zero-shot CLIP", zero_shot, None, None, test)
        run(SETTINGS[0], "standardised (SPARC)", standard, None, None, test)
        if regions:
            run(SETTINGS[0], f"standardised (SPARC){REGIONS}", standard, None, None, test)
        if learns_prompts:
            dpt = TaIDPTClassifier(labels, encoder, **own)
            run(SETTINGS[0], "TaI-DPT", dpt, texts, Y, test)
        run(SETTINGS[0], "CoMC", CoMCClassifier(encoder, **own), embedded, Y, test)
        adapter = classifier(args, RandomPerturbation(), seed, adapter="network")
        run(SETTINGS[0], "TaI-Adapter", adapter, embedded, Y, test)
        kernel = TextAsImageClassifier(encoder)
        run(SETTINGS[0], "kernel adapter", kernel, embedded, Y, test)
        if regions:
            run(SETTINGS[0], f"kernel adapter{REGIONS}", kernel, embedded, Y, test)

        for setting in SETTINGS[1:]:
            if setting == SETTINGS[1]:
                chosen = train[few_shot_indices(truth[train], 4, random_state=seed)]
                partly = truth[chosen]
                noise: Any = MixedPerturbation()
            else:
                chosen = train
                partly = mask_labels(truth[train], 0.3, random_state=seed)
                noise = ShiftedPerturbation(image_share=0.5)
            if learns_prompts:
                images = [pictures[i] for i in chosen]
                for rival in (CoOpClassifier, DualCoOpClassifier):
                    name = rival.__name__.removesuffix("Classifier")
                    run(setting, name, rival(labels, encoder, **own), images, partly, test)
            run(setting, "SARB", SARBClassifier(encoder, **own), everything[chosen], partly, test)
            X = np.vstack([embedded, everything[chosen]])
            modality = np.repeat(["text", "image"], [len(embedded), len(chosen)])
            known = np.vstack([Y, partly])
            adapter = classifier(args, noise, seed, adapter="network")
            run(setting, "TaI-Adapter", adapter, X, known, test, modality=modality)
            kernel = TextAsImageClassifier(encoder)
            run(setting, "kernel adapter", kernel, X, known, test, modality=modality)

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
