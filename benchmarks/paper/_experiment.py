"""The options, and the loop over data, seeds, settings and methods."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from tqdm import tqdm

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator
from sklearn_tai.corpus import Corpus

from ..testbeds import clip_of
from ._data import Data, add_data_arguments, load_data
from ._methods import Task, learns_prompts, run
from ._results import Record, Results


def parser(doc: str | None, methods: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The options of every command."""
    made = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    add_data_arguments(made)
    made.add_argument(
        "--encoder",
        help="a model of open_clip; default RN50, tai-tiny for pictures; photos have their own",
    )
    made.add_argument("--pretrained", default="auto", help="its weights; 'none' for random ones")
    made.add_argument(
        "--image-size", type=int, help="height and width of images in pixels; the model's own"
    )
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--n-texts", type=int, help="10,000; 1,000 for pictures, 3,000 for photos")
    made.add_argument("--captions", type=Path, help="a saved Corpus to use in place of prompts")
    made.add_argument(
        "--full",
        action=argparse.BooleanOptionalAction,
        help="the paper's layers of 2,048, the default on published data; else 256",
    )
    made.add_argument("--out", type=Path, default=Path("paper-results"))
    if methods:
        made.add_argument("--methods", nargs="+", choices=methods, default=list(methods))
    return made


_SMALL = {"pictures": 1000, "photos": 3000}  # number of texts


def _make_encoder(args: argparse.Namespace, data: Data) -> Any:
    """Resize images to squares, as in the paper; the bundled ones are squares already."""
    if data.encoder is not None:
        clip_of(data.encoder).set_params(image_size=args.image_size, resize_mode="squash")
        return data.encoder
    pictures = data.name == "pictures"
    return OpenCLIPEncoder(
        args.encoder or ("tai-tiny" if pictures else "RN50"),
        None if args.pretrained == "none" else args.pretrained,
        image_size=None if pictures else args.image_size,
        resize_mode=None if pictures else "squash",
        cache=args.out / "embeddings",
    )


def _embed(encoder: Any, images: list[Any]) -> np.ndarray:
    """Encode with a progress bar, as images take longest."""
    return clone(clip_of(encoder)).set_params(verbose=1).transform(images)


class Experiment:
    """One command: make the tasks, measure what is missing, save the results."""

    def __init__(
        self, args: argparse.Namespace, name: str, setting: str, *, train: bool = True
    ) -> None:
        warnings.filterwarnings("ignore", message=".*fewer than n_shots")
        warnings.filterwarnings("ignore", message=".*no positive")
        self.args, self.name, self.setting, self.train = args, name, setting, train
        self.results = Results(args.out / f"{name}.json")

    def measure(
        self,
        methods: Sequence[str],
        settings: Sequence[Any],
        change: Callable[[Task, Any], Task] = lambda task, _: task,
        kind: str = "",
    ) -> list[Record]:
        """Measure every method in every setting, for all data and seeds.

        `change` makes the task of a setting from one with all texts and training images.
        Methods that learn prompts are skipped if texts are not encoded by CLIP's own tower.
        `kind` tells experiments apart that share methods and settings.
        """
        shown: list[Record] = []
        args = self.args
        with tqdm(desc=self.name, unit="fit") as bar:
            for spec in args.data:
                data = load_data(spec, train=self.train)
                encoder = _make_encoder(args, data)
                able = [m for m in methods if not learns_prompts(m) or encoder is clip_of(encoder)]
                todo = list(self._keys(data, clip_of(encoder), able, settings, kind))
                missing = [key for key in todo if self.results.find(key) is None]
                bar.total = (bar.total or 0) + len(missing)
                embedded = _embed(encoder, data.images) if missing else None
                for seed in range(args.seeds):
                    own = [key for key in missing if key["seed"] == seed]
                    if not own:
                        continue
                    task = self._task(data, encoder, embedded, seed)
                    for setting in settings:
                        chosen = [key for key in own if key["setting"] == setting]
                        if chosen:
                            changed = change(task, setting)
                        for key in chosen:
                            bar.set_postfix_str(f"{data.name}, {key['method']}, {setting}")
                            self.results.get(key, lambda t=changed, m=key["method"]: run(m, t))
                            bar.update()
                shown += [found for key in todo if (found := self.results.find(key))]
        return shown

    def first_task(self, data: Data) -> Task:
        """The task of the first seed, with all training images."""
        encoder = _make_encoder(self.args, data)
        return self._task(data, encoder, _embed(encoder, data.images), 0)

    def _keys(
        self, data: Data, encoder: OpenCLIPEncoder, methods: Any, settings: Any, kind: str
    ) -> Iterator[Record]:
        for seed in range(self.args.seeds):
            for setting in settings:
                for method in methods:
                    yield {
                        "data": data.name,
                        "n_images": len(data.images),
                        "encoder": encoder.model_name,
                        "pretrained": encoder.pretrained,
                        "image_size": encoder.image_size,
                        "n_texts": self._n_texts(data),
                        "captions": str(self.args.captions) if self.args.captions else None,
                        "full": self._full(data),
                        "method": method,
                        "setting": setting,
                        "seed": seed,
                        "kind": kind,
                    }

    def _n_texts(self, data: Data) -> int:
        return self.args.n_texts or _SMALL.get(data.name, 10_000)

    def _full(self, data: Data) -> bool:
        return data.name not in _SMALL if self.args.full is None else self.args.full

    def _task(self, data: Data, encoder: Any, embedded: Any, seed: int) -> Task:
        texts, Y = self.texts(data, seed)
        train, test = data.split(seed)
        pictures = {}
        if self.train:
            pictures = {
                "train_images": [data.images[i] for i in train],
                "embedded_train": embedded[train],
                "Y_train": data.Y[train],
            }
        return Task(
            setting=self.setting,
            encoder=encoder,
            label_names=data.label_names,
            texts=list(texts),
            embedded_texts=encoder.transform(texts),
            Y_texts=Y,
            test_images=[data.images[i] for i in test],
            embedded_test=embedded[test],
            Y_test=data.Y[test],
            seed=seed,
            full=self._full(data),
            **pictures,
        )

    def texts(self, data: Data, seed: int) -> tuple[Sequence[str], np.ndarray]:
        """Prompts, or as many captions drawn from a file."""
        n_texts = self._n_texts(data)
        if self.args.captions is None:
            return PromptCorpusGenerator(n_texts, random_state=seed, background_share=0).generate(
                data.label_names
            )
        return draw_captions(self.args.captions, data.label_names, n_texts, seed)


def draw_captions(
    path: Path, label_names: Sequence[str], n_texts: int, seed: int
) -> tuple[list[str], np.ndarray]:
    """Some of the captions in a file, with their labels."""
    corpus = Corpus.load(path, label_names)
    rows = np.random.default_rng(seed).permutation(len(corpus))[:n_texts]
    return [corpus.texts[i] for i in rows], corpus.Y[rows]
