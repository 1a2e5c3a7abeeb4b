"""Images with labels: the bundled pictures, real photos, or published data sets on disk."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_tai.datasets import load_coco, load_emoji_scenes, load_nuswide, load_voc2007

from ..testbeds import halves, load_testbed

# name -> (root, split) -> Bunch
_READERS: dict[str, tuple[Callable[..., Any], str, str]] = {
    "voc2007": (load_voc2007, "trainval", "test"),
    "coco": (load_coco, "train", "val"),
    "nuswide": (load_nuswide, "train", "test"),
}


@dataclass
class Data:
    """Images, those for training first, and their labels."""

    name: str
    images: list[Any]
    Y: np.ndarray
    label_names: list[str]
    n_train: int | None  # None: random halves for each seed
    encoder: Any = None  # for photos, whose texts may have another encoder

    def split(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of the images to train on, and of those to score."""
        if self.n_train is None:
            first, second = halves(len(self.images), seed)
            return first, second
        rows = np.arange(len(self.images))
        return rows[: self.n_train], rows[self.n_train :]


def load_data(spec: str, *, train: bool) -> Data:
    """Read ``"pictures"`` or ``"name=folder"``; without `train`, only the scored images."""
    name, _, root = spec.partition("=")
    n_train = None if train else 0
    if name == "pictures":
        scenes = load_emoji_scenes()
        return Data(name, list(scenes.images), scenes.Y, scenes.label_names, n_train)
    if name == "photos" and root:
        bed = load_testbed(argparse.Namespace(testbed=name, ground=Path(root), n_texts=0))
        return Data(name, list(bed.pictures or []), bed.Y, bed.label_names, n_train, bed.encoder)
    if name not in _READERS or not root:
        raise SystemExit(
            f"--data {spec}: expected 'pictures', or a name and a folder such as "
            f"{' or '.join(f'{known}=/folder' for known in [*_READERS, 'photos'])}."
        )
    read, train_split, test_split = _READERS[name]
    try:
        parts = [read(root, split) for split in ([train_split] if train else []) + [test_split]]
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"--data {spec}: {error}") from error
    images = [image for part in parts for image in part.images]
    n_train = len(parts[0].images) if train else 0
    return Data(name, images, np.vstack([p.Y for p in parts]), parts[-1].label_names, n_train)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        nargs="+",
        default=["pictures"],
        metavar="NAME=FOLDER",
        help="voc2007=FOLDER, coco=FOLDER, nuswide=FOLDER, photos=FOLDER "
        "(docs/evidence/ground.md); without it the bundled pictures",
    )
