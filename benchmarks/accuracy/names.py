"""Gains from synonyms and from groups of labels.

    python -m benchmarks.accuracy.names --testbed photos --ground FOLDER

mAP in % with MS-COCO's names alone and with the synonyms below, and the mAP of groups: as ordinary
labels, with their members, and by their members alone. Images include regions if there are any.
``±`` is the standard deviation over seeds; in brackets is the 95 % interval of the gain when
images are resampled.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from tqdm import tqdm

from sklearn_tai import (
    PromptCorpusGenerator,
    RandomPerturbation,
    ZeroShotClassifier,
)
from sklearn_tai.corpus import Vocabulary
from sklearn_tai.metrics import label_average_precisions, label_scores

from ..testbeds import Testbed, add_arguments, classifier, load_testbed
from .headline import interval, resampled

COCO = Vocabulary.from_text("""
person = person, man, woman, human
bicycle = bicycle, bike
car = car, automobile
motorcycle = motorcycle, motorbike
airplane = airplane, aeroplane, plane
bus = bus, coach
train = train, railway train
truck = truck, lorry
boat = boat, ship
traffic light = traffic light, traffic signal, stoplight
fire hydrant = fire hydrant, hydrant
parking meter = parking meter, parking ticket machine
bench = bench, park bench
cat = cat, kitten
dog = dog, puppy
horse = horse, pony
sheep = sheep, lamb
cow = cow, cattle
backpack = backpack, rucksack
umbrella = umbrella, parasol
handbag = handbag, purse
tie = tie, necktie
suitcase = suitcase, luggage
frisbee = frisbee, flying disc
skis = skis, pair of skis
sports ball = sports ball, ball
baseball glove = baseball glove, baseball mitt
tennis racket = tennis racket, tennis racquet
wine glass = wine glass, glass of wine
cup = cup, mug
donut = donut, doughnut
hot dog = hot dog, frankfurter
couch = couch, sofa, settee
potted plant = potted plant, houseplant
dining table = dining table, table
toilet = toilet, lavatory
tv = tv, television, tv screen
laptop = laptop, notebook computer
mouse = mouse, computer mouse
remote = remote, remote control
keyboard = keyboard, computer keyboard
cell phone = cell phone, mobile phone, smartphone
microwave = microwave, microwave oven
oven = oven, stove
sink = sink, washbasin
refrigerator = refrigerator, fridge
clock = clock, wall clock
teddy bear = teddy bear, stuffed bear
hair drier = hair drier, hairdryer, blow dryer
stop sign, bird, elephant, bear, zebra, giraffe, snowboard, kite, baseball bat, skateboard
surfboard, bottle, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot
pizza, cake, chair, bed, toaster, book, vase, scissors, toothbrush

vehicle: bicycle, car, motorcycle, airplane, bus, train, truck, boat
animal: bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe
food: banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake
furniture: bench, chair, couch, bed, dining table
tableware: bottle, wine glass, cup, fork, knife, spoon, bowl
electronic device: tv, laptop, mouse, remote, keyboard, cell phone
kitchen appliance: microwave, oven, toaster, refrigerator
bag: backpack, handbag, suitcase
sport gear: frisbee, skis, snowboard, sports ball, baseball bat, skateboard, surfboard
""")
CLIP = {
    "zero-shot CLIP": {},
    "the same, standardised against everyday things": {"standardize": True, "background": True},
}


def scores(bed: Testbed, args: argparse.Namespace, seed: int, labels: Any) -> dict[str, Any]:
    """Scores of the images, by method."""
    texts, Y = PromptCorpusGenerator(args.n_texts, random_state=seed).generate(labels)
    noise, X = RandomPerturbation(), bed.encoder.transform(texts)
    found = {"default": classifier(args, noise, seed, adapter="kernel").fit(X, Y)}
    if seed == 0:  # it does not depend on the seed
        found |= {
            name: ZeroShotClassifier(labels, bed.encoder, **params).fit()
            for name, params in CLIP.items()
        }
    return {name: label_scores(clf, bed.images) for name, clf in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    args = parser.parse_args()
    warnings.simplefilter("ignore", UndefinedMetricWarning)  # labels without images
    bed = load_testbed(args)
    labels, groups = bed.label_names, COCO.groups
    synonyms = {label: COCO[label] for label in labels}
    plain = [*labels, *groups]
    choices = {
        "names": {
            "MS-COCO's name": labels,
            "all names": synonyms,
        },
        "groups": {
            "labels like others": plain,
            "groups": Vocabulary(labels, groups=groups),
            "members alone": Vocabulary(
                {label: [label] for label in labels} | dict.fromkeys(groups, ()), groups=groups
            ),
        },
    }
    whole = Vocabulary(labels, groups=groups)
    of_group = [bed.Y[:, [labels.index(m) for m in whole.below(g)]].max(axis=1) for g in groups]
    truths = {"names": bed.Y, "groups": np.column_stack(of_group)}
    n = len(bed.Y)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=2000)
    print(f"{bed.name}: {n} images, {args.n_texts} texts, {args.seeds} seeds")
    for question, ways in choices.items():
        Y = truths[question]
        values, draws = defaultdict(list), defaultdict(list)
        for way, given in ways.items():
            for seed in tqdm(range(args.seeds), desc=way, leave=False):
                for method, matrix in scores(bed, args, seed, given).items():
                    found = matrix[:, -Y.shape[1] :]
                    values[method, way].append(label_average_precisions(Y, found))
                    draws[method, way].append(100 * resampled(Y, found, counts))
        first = next(iter(ways))
        print("\n| method | labels | mAP | gain |\n|---|---|---|---|")
        for (method, way), v in values.items():
            means = 100 * np.nanmean(v, axis=1)
            spread = f" ± {means.std(ddof=1):.1f}" if len(means) > 1 else ""
            gain = means.mean() - 100 * np.nanmean(values[method, first])
            drawn = np.mean(draws[method, way], axis=0) - np.mean(draws[method, first], axis=0)
            lead = "" if way == first else f"{gain:.1f} {interval(gain, drawn - drawn.mean())}"
            print(f"| {method} | {way} | {means.mean():.1f}{spread} | {lead} |")
        if question == "groups":
            print("\n| group | " + " | ".join(ways) + " |\n|" + "---|" * (1 + len(ways)))
            for k, group in enumerate(groups):
                own = [100 * np.mean(values["default", way], axis=0)[k] for way in ways]
                print(f"| {group} | " + " | ".join(f"{v:.1f}" for v in own) + " |")


if __name__ == "__main__":
    main()
