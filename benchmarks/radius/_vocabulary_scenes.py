"""Label sets drawn from the bundled vocabulary, with pictures made of held-out art."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, ZeroShotClassifier
from sklearn_tai.corpus import TEMPLATES

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "emoji_clip"))
from scenes import compose
from sprites import TEST_STYLES, load_sprites
from vocabulary import load_vocabulary

SET_SIZES = (20, 20, 16, 24, 12, 30)  # of 127 labels, each in at most one set
_PICTURE_SIZE = 192


@dataclass
class Bed:
    """Embeddings from the encoder, not normalized, and their labels."""

    name: str
    texts: np.ndarray
    Y: np.ndarray
    half_texts: tuple[np.ndarray, np.ndarray]  # from the even and the odd templates
    half_Y: tuple[np.ndarray, np.ndarray]
    labels: np.ndarray  # embeddings of the label prompts
    images: np.ndarray
    images_Y: np.ndarray
    unlabelled: np.ndarray
    logit_scale: float


def label_sets(seed: int = 0) -> list[list[str]]:
    """Disjoint sets of labels from the vocabulary."""
    names = sorted({entry.label for entry in load_vocabulary()})
    order = np.random.default_rng(seed).permutation(len(names))
    ends = np.cumsum(SET_SIZES)
    return [sorted(names[i] for i in order[end - n : end]) for n, end in zip(SET_SIZES, ends)]


def make_pictures(
    labels: list[str], n: int, sprites: Any, seed: int
) -> tuple[list[Image.Image], np.ndarray]:
    """Scenes like the bundled ones: one to five objects, a third of them without a label."""
    vocabulary = load_vocabulary()
    of_label = {name: [i for i, e in enumerate(vocabulary) if e.label == name] for name in labels}
    others = [i for i, e in enumerate(vocabulary) if e.label not in labels]
    rng = np.random.default_rng(seed)
    pictures, Y = [], np.zeros((n, len(labels)), dtype=np.int8)
    for row in range(n):
        entries = []
        for j in range(rng.integers(1, 6)):
            if j and rng.random() >= 0.55:
                choices = others
            else:  # the first object has a label, each label in turn
                k = rng.integers(len(labels)) if j else row % len(labels)
                choices, Y[row, k] = of_label[labels[k]], 1
            entries.append(int(choices[rng.integers(len(choices))]))
        pictures.append(compose(rng, entries, sprites, _PICTURE_SIZE, augment=False)[0])
    return pictures, Y


def _corpora(labels: list[str], n_texts: int, seed: int) -> list[tuple[list[str], np.ndarray]]:
    """Texts from all templates, from every other one, and from the rest."""
    return [
        PromptCorpusGenerator(
            n, templates=templates, random_state=seed, background_share=0
        ).generate(labels)
        for n, templates in ((n_texts, None), (1000, TEMPLATES[::2]), (1000, TEMPLATES[1::2]))
    ]


def _make(
    name: str, labels: list[str], encoder: Any, seed: int, n_texts: int, **rest: Any
) -> dict[str, Any]:
    corpora = _corpora(labels, n_texts, seed)
    (texts, Y), *halves = [(encoder.transform(texts), Y) for texts, Y in corpora]
    prompts = ZeroShotClassifier(labels, encoder).fit().label_embeddings_
    first, second = halves
    return {
        **{"name": name, "texts": texts, "Y": Y, "labels": prompts, **rest},
        **{"texts_a": first[0], "Y_a": first[1], "texts_b": second[0], "Y_b": second[1]},
    }


def with_first_texts(bed: Bed, n: int) -> Bed:
    """The testbed with fewer texts."""
    return replace(bed, name=f"{bed.name}, {n} texts", texts=bed.texts[:n], Y=bed.Y[:n])


def _cached(path: Path, make: Any) -> Bed:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **make())
    with np.load(path) as file:
        a = dict(file)
    halves = (a.pop("texts_a"), a.pop("texts_b")), (a.pop("Y_a"), a.pop("Y_b"))
    name, scale = str(a.pop("name")), float(a.pop("logit_scale"))
    return Bed(name=name, half_texts=halves[0], half_Y=halves[1], logit_scale=scale, **a)


def scene_beds(model: str, work: Path, tag: str, n_texts: int = 1000, draw: int = 0) -> list[Bed]:
    """One testbed per label set; embeddings are cached in `work` under the tag.

    Each has 300 pictures with labels and 150 without. Another `draw` gives other label sets,
    pictures and texts.
    """
    n_labelled, n_other = 300, 150
    beds = []
    for s, labels in enumerate(label_sets(draw)):

        def make(s: int = s, labels: list[str] = labels) -> dict[str, Any]:
            seed = s + 100 * draw
            sprites = load_sprites(TEST_STYLES, work / "art", size=160)
            encoder = OpenCLIPEncoder(model)
            pictures, Y = make_pictures(labels, n_labelled + n_other, sprites, seed)
            order = np.random.default_rng(seed).permutation(len(pictures))
            X, Y = encoder.transform([pictures[i] for i in order]), Y[order]
            return _make(
                f"{tag}, set {s}",
                labels,
                encoder,
                seed,
                n_texts,
                images=X[:n_labelled],
                images_Y=Y[:n_labelled],
                unlabelled=X[n_labelled:],
                logit_scale=encoder._load().model.logit_scale.exp().item(),
            )

        beds.append(_cached(work / "beds" / f"{tag}_{s}_{n_texts}.npz", make))
    return beds
