"""Writers for every kind of file that this package writes, to be killed in the tests.

Each writer writes again and again until it is killed, and calls `done` after each write. Given
the number of these calls, `check` then says what was lost or mixed up.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image
from sklearn.base import BaseEstimator

from sklearn_tai import RandomPerturbation, TextAsImageClassifier
from sklearn_tai.cli._figure import save_figure
from sklearn_tai.cli._formats import CSV, JSONLines, Tagged
from sklearn_tai.cli._output import ResumableFile
from sklearn_tai.corpus import Corpus, LabelIndicator
from sklearn_tai.corpus._checkpoint import Checkpoint
from sklearn_tai.deploy import export_onnx, load_classifier, predict_folder, save_classifier
from sklearn_tai.encoders._cache import EmbeddingCache


class Corpora:
    """Two corpora under one name: the file is always one of them, complete."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "corpus.jsonl"
        self.versions = [
            Corpus([f"text {i} of {name}" for i in range(3000)], np.ones((3000, 1)), [name])
            for name in ("dog", "cat")
        ]
        self.versions[0].save(self.file)

    def write(self, done) -> None:
        while True:
            for corpus in self.versions:
                corpus.save(self.file)
                done()

    def check(self, n_done: int) -> str:
        found = Corpus.load(self.file)
        whole = any(
            (found.texts, found.label_names) == (c.texts, c.label_names) for c in self.versions
        )
        return "" if whole else f"{len(found)} texts"

    def finish(self) -> list[str]:
        self.versions[0].save(self.file)
        return ["corpus.jsonl"]


def fitted(labels: list[str], sign: int) -> TextAsImageClassifier:
    X = sign * np.eye(3, 40, dtype=np.float32) + 0.1
    Y = LabelIndicator(np.eye(3, dtype=int), labels)
    return TextAsImageClassifier(perturbation=RandomPerturbation(0.5)).fit(X, Y)


class Classifiers:
    """Two classifiers under one name: labels and weights always belong together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "model"
        self.versions = [fitted(["dog", "cat", "bus"], 1), fitted(["boat", "tree", "kite"], -1)]
        self.X = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
        save_classifier(self.versions[0], self.folder)

    def write(self, done) -> None:
        while True:
            for clf in self.versions:
                save_classifier(clf, self.folder)
                done()

    def check(self, n_done: int) -> str:
        found = load_classifier(self.folder)
        own = self.versions[0 if found.classes_[0] == "dog" else 1]
        same = (found.predict_proba(self.X) == own.predict_proba(self.X)).all()
        return "" if same else "weights of the other"

    def finish(self) -> list[str]:
        save_classifier(self.versions[0], self.folder)
        return ["model", "model/config.json", "model/weights-*.safetensors"]


class Exports:
    """Two exports under one name."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tagger.onnx"
        self.versions = [fitted(["dog", "cat", "bus"], 1), fitted(["boat", "tree", "kite"], -1)]
        self.X = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
        self._export(0)

    def _export(self, k: int) -> None:
        export_onnx(self.versions[k], self.file, input="embeddings")

    def write(self, done) -> None:
        while True:
            for k in (1, 0):
                self._export(k)
                done()

    def check(self, n_done: int) -> str:
        session = onnxruntime.InferenceSession(self.file, providers=["CPUExecutionProvider"])
        names = json.loads(session.get_modelmeta().custom_metadata_map["label_names"])
        own = self.versions[0 if names[0] == "dog" else 1].predict_proba(self.X)
        [found] = session.run(["probabilities"], {"embeddings": self.X})
        return "" if np.abs(found - own).max() < 1e-5 else "weights of the other"

    def finish(self) -> list[str]:
        self._export(0)
        return ["tagger.onnx"]


class Figures:
    """A figure that is drawn again and again."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "figure.png"
        self.figure = Figure()
        self.figure.subplots().plot([1, 2])
        save_figure(self.figure, self.file)

    def write(self, done) -> None:
        while True:
            save_figure(self.figure, self.file)
            done()

    def check(self, n_done: int) -> str:
        with Image.open(self.file) as picture:
            picture.load()
        return ""

    def finish(self) -> list[str]:
        save_figure(self.figure, self.file)
        return ["figure.png"]


class Captions:
    """A checkpoint of captions: it has all reported captions and can be continued."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "captions.jsonl"
        self._n = 0

    def _record(self, i: int) -> dict:
        return {"set": i, "variation": 0, "labels": ["dog"], "text": f"“{i}” " * 60,
                "shortened": False}  # fmt: skip

    def write(self, done) -> None:
        store = Checkpoint(self.file, {"a": 1})
        for i in range(len(store.records), 10**6):
            store.add(self._record(i))
            done()

    def check(self, n_done: int) -> str:
        store = Checkpoint(self.file, {"a": 1})
        store.close()
        records = list(store.records.values())
        if (n_lost := self._n + n_done - len(records)) > 0:
            return f"{n_lost} captions"
        self._n = len(records)
        same = all(record == self._record(i) for i, record in enumerate(records))
        return "" if same else "captions differ"

    def finish(self) -> list[str]:
        return ["captions.jsonl"]


class Tags:
    """The output of ``tag -o``: every image once, with all its labels."""

    form: type = JSONLines

    def __init__(self, folder: Path) -> None:
        self.file = folder / f"tags.{self.form.__name__}"
        self._n = 0

    def _open(self) -> ResumableFile:
        return ResumableFile(self.file, self.form(), {"model": "m"}, force=False)

    def _picture(self, i: int) -> Tagged:
        return Tagged(f'{i}, "ü\n".jpg', ["dog", "cat", "bus"], [0.9, 0.5, 0.25])

    def write(self, done) -> None:
        file = self._open()
        i = file.n_done
        while True:
            file.write([self._picture(k) for k in range(i, i + 10)])
            i += 10
            done()

    def check(self, n_done: int) -> str:
        file = self._open()
        n = file.n_done
        file.write([self._picture(k) for k in range(n, n + 10)])
        file.close()
        with self.file.open("rb") as content:
            lines = content.read()
        if lines != self.form().header + self.form().encode(map(self._picture, range(n + 10))):
            return "rows differ from those of a run that was not stopped"
        n_lost = self._n + 10 * n_done - n
        self._n = n + 10
        # the last picture of a CSV may lack rows, so it is written again
        return f"{n_lost} pictures" if n_lost > 1 else ""

    def finish(self) -> list[str]:
        return [self.file.name, f".{self.file.name}.json"]


class TagsCSV(Tags):
    form = CSV


class Vectors:
    """The cache of embeddings on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cache"

    def _part(self, i: int) -> tuple[list[str], np.ndarray]:
        keys = [f"{k:064x}" for k in range(50 * i, 50 * i + 50)]
        return keys, np.repeat(np.arange(50 * i, 50 * i + 50, dtype=np.float32)[:, None], 256, 1)

    def write(self, done) -> None:
        cache, i = EmbeddingCache(self.folder), 0
        while True:
            cache.put(*self._part(i))
            i += 1
            done()

    def check(self, n_done: int) -> str:
        cache = EmbeddingCache(self.folder)
        for i in range(n_done):
            keys, vectors = self._part(i)
            found = cache.get(keys)
            if list(found) and not all((found[k] == v).all() for k, v in zip(keys, vectors)):
                return "vectors of others"
            if len(found) < len(keys):
                return f"{len(keys) - len(found)} vectors"
        return ""

    def finish(self) -> list[str]:
        return ["cache", "cache/*"]


class Cheap(BaseEstimator):
    """A classifier that does not open images, so that most time is spent on writing."""

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift
        self.classes_ = np.array(["dog", "cat"])

    def fit(self, X, y=None):
        return self

    def predict_proba(self, paths):
        numbers = np.array([int(path.stem) for path in paths]) + self.shift
        return np.column_stack([numbers, -numbers]).astype(np.float32)


class Parts:
    """The parts of ``predict_folder``: each image once, as in an uninterrupted run."""

    def __init__(self, folder: Path) -> None:
        self.output, self.n = folder / "out", 0

    def write(self, done) -> None:
        n = 0
        while True:
            n += 200
            self._predict(n)
            done()

    def _predict(self, n: int) -> None:
        paths = [Path(f"/photos/{i}.jpg") for i in range(n)]
        predict_folder(Cheap(), paths, self.output, part_size=20)

    def check(self, n_done: int) -> str:
        if self.output.exists() and any(self.output.glob("part-*")):
            before = pd.read_parquet(self.output)
            if len(before) < 200 * n_done:
                return f"{200 * n_done - len(before)} pictures"
        self._predict(200 * n_done + 400)
        table = pd.read_parquet(self.output)
        numbers = table.path.str.extract(r"(\d+)")[0].astype(int)
        if sorted(numbers) != list(range(len(table))):
            return "pictures twice or never"
        return "" if (table.dog == numbers).all() and (table.cat == -numbers).all() else "mixed up"

    def finish(self) -> list[str]:
        return ["out", "out/part-*.parquet"]


WRITERS = [Corpora, Classifiers, Exports, Figures, Captions, Tags, TagsCSV, Vectors, Parts]


def names_in(folder: Path) -> list[str]:
    return sorted(os.path.relpath(path, folder) for path in folder.rglob("*"))
