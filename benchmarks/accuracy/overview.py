"""Methods compared: mAP, F1, calibration error and cost.

    python -m benchmarks.accuracy.overview
    python -m benchmarks.accuracy.overview --testbed photos --ground FOLDER

Each seed draws texts and splits the images into halves. Methods may use one half, with labels
if the row says so. The other is scored: whole images, or with regions if the row says so.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score
from tqdm import tqdm

from sklearn_tai import (
    MixedPerturbation,
    MultiLabelCalibratedClassifier,
    MultiLabelThresholdClassifier,
    PromptCorpusGenerator,
    RandomPerturbation,
    ScoreEnsemble,
    TextAsImageClassifier,
)
from sklearn_tai.metrics import expected_calibration_error, mean_average_precision

from ..testbeds import Testbed, add_arguments, classifier, halves, load_testbed

N_LABELLED = 25


class Setting:
    """The data of one seed: texts, images to use and images to score."""

    def __init__(self, args: Any, bed: Testbed, seed: int) -> None:
        self.args, self.bed, self.seed = args, bed, seed
        texts, Y = PromptCorpusGenerator(
            args.n_texts, random_state=seed, background_share=0
        ).generate(bed.label_names)
        self.T, self.Y = bed.encoder.transform(texts), np.asarray(Y)
        self.seen, self.scored = halves(len(bed.images), seed)

    def kernel(self) -> Any:
        return TextAsImageClassifier().fit(self.T, self.Y)

    def network(self) -> Any:
        return classifier(self.args, RandomPerturbation(2.5), self.seed).fit(self.T, self.Y)

    def with_zero_shot(self) -> Any:
        members = [("kernel", self.kernel()), ("clip", self.bed.zero_shot())]
        frozen = [(name, FrozenEstimator(member)) for name, member in members]
        return ScoreEnsemble(frozen).fit(self.T, self.Y)

    def with_images(self, n_images: int | None) -> Any:
        rows = self.seen[:n_images]
        modality = np.repeat(["text", "image"], [len(self.T), len(rows)])
        X = np.concatenate([self.T, self.bed.wholes[rows]])
        Y = np.concatenate([self.Y, self.bed.Y[rows]])
        return TextAsImageClassifier(perturbation=MixedPerturbation()).fit(X, Y, modality)

    def calibrated(self) -> Any:
        rows = self.seen[:N_LABELLED]
        clf = MultiLabelCalibratedClassifier(FrozenEstimator(self.kernel()))
        return clf.fit(self.bed.wholes[rows], self.bed.Y[rows])


ROWS: dict[str, Callable[[Setting], Any]] = {
    "zero-shot CLIP": lambda s: s.bed.zero_shot(),
    "the paper's network": Setting.network,
    "kernel": Setting.kernel,
    "kernel with regions (default)": Setting.kernel,
    "kernel and zero-shot CLIP": Setting.with_zero_shot,
    f"kernel, calibrated with {N_LABELLED} labelled images": Setting.calibrated,
    f"kernel of texts and {N_LABELLED} labelled images": lambda s: s.with_images(N_LABELLED),
    "kernel of texts and half of the images": lambda s: s.with_images(None),
}


def measure(setting: Setting, row: str) -> list[float]:
    """mAP, macro F1, calibration error, seconds to fit, microseconds per image."""
    bed = setting.bed
    images = bed.images if "regions" in row else bed.wholes
    begun = time.perf_counter()
    clf = ROWS[row](setting)
    fitted = time.perf_counter()
    seen, scored = images[setting.seen], images[setting.scored]
    Y = bed.Y[setting.scored]
    tuned = MultiLabelThresholdClassifier(FrozenEstimator(clf)).fit(seen)
    start = time.perf_counter()
    proba = clf.predict_proba(scored)
    predicted = time.perf_counter()
    scores = clf.decision_function(scored) if hasattr(clf, "decision_function") else proba
    shown = Y.any(axis=0)
    return [
        100 * mean_average_precision(Y, scores),
        100 * f1_score(Y[:, shown], tuned.predict(scored)[:, shown], average="macro"),
        100 * expected_calibration_error(Y, proba),
        fitted - begun,
        1e6 * (predicted - start) / len(scored),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    args = parser.parse_args()
    warnings.simplefilter("ignore", UndefinedMetricWarning)
    warnings.filterwarnings("ignore", "X does not have valid feature names")
    bed = load_testbed(args)
    settings = [Setting(args, bed, seed) for seed in tqdm(range(args.seeds), desc="texts")]
    print("| method | mAP | macro F1 | ECE | seconds to fit | µs an image |")
    print("|---|---|---|---|---|---|")
    for row in filter(lambda name: args.only in name, ROWS):
        values = np.array([measure(setting, row) for setting in settings])
        cells = [f"{v.mean():.1f} ± {stats.tstd(v):.1f}" for v in values[:, :3].T]
        seconds, cost = np.median(values[:, 3:], axis=0)
        print(f"| {row} | {' | '.join(cells)} | {seconds:.2g} | {cost:.0f} |", flush=True)


if __name__ == "__main__":
    main()
