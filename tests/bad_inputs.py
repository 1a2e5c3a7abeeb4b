"""Bad inputs, the errors they raise, and the remedies that the errors name.

`tests/test_bad_inputs.py` runs all cases; ``python -m tests.bad_inputs`` writes the table in
the docs, with the actual messages.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse
from sklearn.frozen import FrozenEstimator

from sklearn_tai import (
    KernelAdapter,
    MixedPerturbation,
    MultiLabelCalibratedClassifier,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    ScoreEnsemble,
    ShiftedPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.corpus import Vocabulary
from sklearn_tai.deploy import load_classifier, save_classifier
from sklearn_tai.metrics import mean_average_precision
from sklearn_tai.model_selection import CrossModalSplit, few_shot_indices, mask_labels
from tests.networks import with_network

DOCS = Path(__file__).parents[1] / "docs" / "reference" / "errors.md"


@dataclass
class Bench:
    """The data and files that the cases use."""

    folder: Path
    encoder: Any = field(default_factory=lambda: OpenCLIPEncoder("tai-tiny"))

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        self.X = rng.normal(size=(12, 256)).astype(np.float32)
        self.Y = np.eye(3, dtype=int)[np.arange(12) % 3]
        self.pixels = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
        self.photo = self.file("photo.png")
        Image.fromarray(self.pixels).save(self.photo)
        self.fitted = self.clf().fit(self.X, self.Y)

    def file(self, name: str, content: bytes | None = None) -> Path:
        path = self.folder / name
        if content is not None:
            path.write_bytes(content)
        return path

    def clf(self, **params: Any) -> TextAsImageClassifier:
        if "adapter" in params:
            return TextAsImageClassifier(self.encoder, **params)
        return with_network(self.encoder, **{"hidden_layer_sizes": (), "max_epochs": 1} | params)

    def encode(self, *items: Any) -> Any:
        return self.encoder.transform(list(items))

    def fit(self, X: Any, Y: Any, *args: Any, **params: Any) -> Any:
        return self.clf(**params).fit(X, Y, *args)

    # images
    def saved(self, name: str, mode: str, size: tuple[int, int] = (20, 30)) -> Path:
        Image.new(mode, size).save(self.file(name))
        return self.file(name)

    def link(self) -> Path:
        path = self.file("link.jpg")
        if not path.is_symlink():
            os.symlink(self.file("nowhere.jpg"), path)
        return path

    def pipe(self) -> Path:
        path = self.file("pipe.png")
        if not path.exists():
            os.mkfifo(path)
        return path

    def foreign(self) -> Path:
        """A saved classifier whose encoder is someone else's model."""
        clf = TextAsImageClassifier(OpenCLIPEncoder("hf-hub:someone/model")).fit(self.X, self.Y)
        return save_classifier(clf, self.folder / "theirs")

    def bomb(self) -> Path:
        """An image of a gigapixel in a file of a few kilobytes."""
        path = self.file("bomb.png")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        Image.new("1", (40_000, 25_000)).save(path)
        Image.MAX_IMAGE_PIXELS = limit
        return path

    def with_value(self, value: Any, what: str = "Y") -> np.ndarray:
        changed = getattr(self, what).astype(float)
        changed[1, 2] = value
        return changed


class Case(NamedTuple):
    """One bad input: what it is, what it raises, the remedy, and the call that passes it."""

    given: str
    error: type[Exception]
    remedy: str
    call: Callable[[Bench], Any]


def _nan_rows(b: Bench) -> None:
    b.fit(b.with_value(np.nan, "X"), b.Y)


IMAGES = [
    Case(
        "a file that is not an image",
        ValueError,
        "Replace it",
        lambda b: b.encode(b.file("notes.jpg", b"not a picture")),
    ),
    Case("an empty file", ValueError, "Replace it", lambda b: b.encode(b.file("empty.png", b""))),
    Case(
        "an image cut off in the middle",
        ValueError,
        "Replace it",
        lambda b: b.encode(b.file("cut.png", b.photo.read_bytes()[:700])),
    ),
    Case(
        "an image whose header is damaged",
        ValueError,
        "Replace it",
        lambda b: b.encode(b.file("head.png", b"x" + b.photo.read_bytes()[1:])),
    ),
    Case(
        "an image with a damaged block",
        ValueError,
        "Replace it",
        lambda b: b.encode(
            b.file(
                "block.png", b.photo.read_bytes()[:60] + b"\0" * 80 + b.photo.read_bytes()[140:]
            )
        ),
    ),
    Case(
        "a gigapixel image (decompression bomb)",
        ValueError,
        "MAX_IMAGE_PIXELS",
        lambda b: b.encode(b.bomb()),
    ),
    Case(
        "an image of floats",
        ValueError,
        "convert it to 8 bits",
        lambda b: b.encode(b.saved("float.tif", "F")),
    ),
    Case(
        "an image of 32-bit numbers beyond 16 bits",
        ValueError,
        "convert it to 8 bits",
        lambda b: b.encode(Image.fromarray(np.full((4, 4), 70_000, np.int32))),
    ),
    Case(
        "an image 5,000 times as wide as high",
        ValueError,
        "Crop it",
        lambda b: b.encode(b.saved("strip.png", "L", (5000, 1))),
    ),
    Case(
        "an array without pixels",
        ValueError,
        "Leave it out",
        lambda b: b.encode(np.zeros((0, 5, 3), np.uint8)),
    ),
    Case(
        "a missing file",
        FileNotFoundError,
        "Check the path",
        lambda b: b.encode(b.file("missing.jpg")),
    ),
    Case(
        "a pipe, a socket or a device",
        ValueError,
        "Copy what comes out",
        lambda b: b.encode(b.pipe()),
    ),
    Case(
        "a link to a missing file",
        FileNotFoundError,
        "Check the path",
        lambda b: b.encode(b.link()),
    ),
    Case("a folder", ValueError, "Pass its files", lambda b: b.encode(b.folder)),
    Case(
        "a URL as a Path",
        ValueError,
        "Download the image",
        lambda b: b.encode(Path("https://example.org/dog.jpg")),
    ),
    Case(
        "a URL as a str",
        ValueError,
        "Download the image",
        lambda b: b.encode("https://example.org/dog.jpg"),
    ),
    Case(
        "an image's file name as a str",
        ValueError,
        "Pass pathlib.Path",
        lambda b: b.encode(str(b.photo)),
    ),
    Case(
        "a missing image's file name as a str",
        ValueError,
        "Pass pathlib.Path",
        lambda b: b.encode("photos/dog.jpg"),
    ),
    Case(
        "floats as pixels", ValueError, r"np.uint8\(255 \* x\)", lambda b: b.encode(b.pixels / 255)
    ),
    Case(
        "an image with four channels as array",
        ValueError,
        "must be uint8",
        lambda b: b.encode(np.zeros((4, 4, 4), np.uint8)),
    ),
    Case(
        "a grey image as array",
        ValueError,
        "must be uint8",
        lambda b: b.encode(np.zeros((4, 4), np.uint8)),
    ),
    Case(
        "channels first",
        ValueError,
        "must be uint8",
        lambda b: b.encode(np.zeros((3, 4, 5), np.uint8)),
    ),
    Case(
        "one image, not a list",
        ValueError,
        r"Wrap it in a list",
        lambda b: b.encoder.transform(b.pixels),
    ),
    Case(
        "one Path, not a list",
        ValueError,
        r"Wrap it in a list",
        lambda b: b.fitted.predict(b.photo),
    ),
]
TEXTS = [
    Case("a blank text", ValueError, "leave it out", lambda b: b.encode("a dog", " \n")),
    Case("an empty text", ValueError, "leave it out", lambda b: b.encode("")),
    Case(
        "a text of 10,000 words", UserWarning, "Shorten them", lambda b: b.encode("word " * 10_000)
    ),
    Case("bytes", TypeError, "expected a str", lambda b: b.encode(b"a dog")),
    Case("None among texts", TypeError, "expected a str", lambda b: b.encode("a dog", None)),
    Case(
        "NaN among texts (a missing value of pandas)",
        TypeError,
        "expected a str",
        lambda b: b.encoder.transform(pd.Series(["a dog", np.nan])),
    ),
    Case(
        "one text, not a list",
        ValueError,
        "Wrap it in a list",
        lambda b: b.encoder.transform("a dog"),
    ),
    Case("no items", ValueError, "at least one", lambda b: b.encoder.transform([])),
    Case(
        "an iterator without items",
        ValueError,
        "at least one",
        lambda b: b.fitted.predict_proba(iter([])),
    ),
    Case("a number", TypeError, "expected a list", lambda b: b.encoder.transform(3)),
    Case(
        "embeddings to the encoder",
        ValueError,
        "straight to the classifier",
        lambda b: b.encoder.transform(b.X),
    ),
]
EMBEDDINGS = [
    Case("NaN in training", ValueError, "contains NaN", _nan_rows),
    Case(
        "NaN in prediction",
        ValueError,
        "contains NaN",
        lambda b: b.fitted.predict(b.with_value(np.nan, "X")),
    ),
    Case(
        "infinity",
        ValueError,
        "contains infinity",
        lambda b: b.fitted.predict(b.with_value(np.inf, "X")),
    ),
    Case(
        "another width than in training",
        ValueError,
        "expecting 256 features",
        lambda b: b.fitted.predict(b.X[:, :9]),
    ),
    Case(
        "an encoder of another width than in training",
        ValueError,
        "Set encoder",
        lambda b: b.clf().fit(b.X[:, :9], b.Y).predict(["a dog"]),
    ),
    Case(
        "objects",
        ValueError,
        "could not convert",
        lambda b: b.fit(np.array([["a", {}]] * 12, dtype=object), b.Y),
    ),
    Case(
        "rows of different lengths",
        ValueError,
        "inhomogeneous",
        lambda b: b.fit([[1.0], [1.0, 2.0]], b.Y[:2]),
    ),
    Case(
        "one embedding without its row", ValueError, r"reshape", lambda b: b.fitted.predict(b.X[0])
    ),
    Case(
        "four dimensions",
        (TypeError, ValueError),
        "must be uint8|dim 4",
        lambda b: b.fitted.predict(b.X[None, None]),
    ),
    Case(
        "complex numbers",
        ValueError,
        "Complex data not supported",
        lambda b: b.fitted.predict(b.X + 1j),
    ),
    Case(
        "a modality along with items",
        ValueError,
        "Leave modality out",
        lambda b: b.fit(["a dog"] * 12, b.Y, ["text"] * 12),
    ),
    Case(
        "a modality of another length",
        ValueError,
        "one for each row",
        lambda b: b.fit(b.X, b.Y, ["text"] * 5),
    ),
    Case(
        "an unknown modality",
        ValueError,
        "expected 'text' or 'image'",
        lambda b: b.fit(b.X, b.Y, ["text"] * 11 + ["photo"]),
    ),
]
LABELS = [
    Case("no y", ValueError, "Pass an indicator matrix", lambda b: b.fit(b.X, None)),
    Case(
        "lists of label names",
        ValueError,
        "MultiLabelBinarizer",
        lambda b: b.fit(b.X, [["dog"], ["cat", "dog"]] * 6),
    ),
    Case(
        "one column of class numbers",
        ValueError,
        "MultiLabelBinarizer",
        lambda b: b.fit(b.X, np.arange(12)),
    ),
    Case(
        "names in a matrix",
        ValueError,
        "MultiLabelBinarizer",
        lambda b: b.fit(b.X, [["dog", "cat"]] * 12),
    ),
    Case(
        "a matrix without columns",
        ValueError,
        "MultiLabelBinarizer",
        lambda b: b.fit(b.X, np.zeros((12, 0))),
    ),
    Case(
        "another number of rows",
        ValueError,
        "must be the same number",
        lambda b: b.fit(b.X, b.Y[:5]),
    ),
    Case(
        "a value of 2",
        ValueError,
        r"y\[1, 2\] is 2.*MultiLabelBinarizer",
        lambda b: b.fit(b.X, b.with_value(2)),
    ),
    Case(
        "a probability",
        ValueError,
        r"y\[1, 2\] is 0.5.*MultiLabelBinarizer",
        lambda b: b.fit(b.X, b.with_value(0.5)),
    ),
    Case(
        "NaN",
        ValueError,
        r"y\[1, 2\] is nan.*MultiLabelBinarizer",
        lambda b: b.fit(b.X, b.with_value(np.nan)),
    ),
    Case(
        "a value of 2 in a sparse matrix",
        ValueError,
        r"y\[1, 2\] is 2.*MultiLabelBinarizer",
        lambda b: b.fit(b.X, sparse.csr_array(b.with_value(2))),
    ),
    Case(
        "unknown labels of a text",
        ValueError,
        "those of texts must be known",
        lambda b: b.fit(b.X, b.with_value(-1)),
    ),
    Case(
        "all labels unknown",
        ValueError,
        "Add items that have labels",
        lambda b: b.fit(b.X, -np.ones((12, 3)), ["image"] * 12),
    ),
    Case(
        "no positives at all",
        ValueError,
        "Add items that have labels",
        lambda b: b.fit(b.X, np.zeros((12, 3))),
    ),
    Case(
        "a label without positives",
        UserWarning,
        "Add texts that have them",
        lambda b: b.fit(b.X, b.Y * [1, 1, 0]),
    ),
    Case(
        "two columns of the same name",
        ValueError,
        "rename them",
        lambda b: b.fit(b.X, pd.DataFrame(b.Y, columns=["dog", "cat", "dog"])),
    ),
    Case(
        "scores of another shape",
        ValueError,
        "must be",
        lambda b: mean_average_precision(b.Y, b.X),
    ),
    Case(
        "embeddings of no size",
        ValueError,
        "Scale all of them",
        lambda b: b.fitted.predict(1e-20 * b.X),
    ),
    Case(
        "sample weights for the score",
        ValueError,
        "pass None",
        lambda b: b.fitted.score(b.X, b.Y, np.ones(12)),
    ),
]
PARAMETERS = [
    Case(
        "a negative radius",
        ValueError,
        "'radius' parameter",
        lambda b: RandomPerturbation(-1).fit(b.X),
    ),
    Case(
        "a text as radius",
        ValueError,
        "'radius' parameter",
        lambda b: b.fit(b.X, b.Y, perturbation=RandomPerturbation("5")),
    ),
    Case(
        "a dropout of 1", ValueError, "'dropout' parameter", lambda b: b.fit(b.X, b.Y, dropout=1.0)
    ),
    Case(
        "a hidden layer of 0",
        ValueError,
        "integers above 0",
        lambda b: b.fit(b.X, b.Y, hidden_layer_sizes=(8, 0)),
    ),
    Case(
        "no epochs", ValueError, "'max_epochs' parameter", lambda b: b.fit(b.X, b.Y, max_epochs=0)
    ),
    Case(
        "something that is not an adapter",
        ValueError,
        "'adapter' parameter",
        lambda b: b.fit(b.X, b.Y, adapter="mlp"),
    ),
    Case(
        "an unknown loss",
        ValueError,
        "'loss' parameter",
        lambda b: b.fit(b.X, b.Y, loss="hinge"),
    ),
    Case(
        "one label to standardise over",
        ValueError,
        "two labels or more",
        lambda b: b.fit(b.X, b.Y[:, :1], standardize=True),
    ),
    Case(
        "a network asked to learn more",
        AttributeError,
        "partial_fit",
        lambda b: b.fitted.partial_fit(b.X, b.Y),
    ),
    Case(
        "fewer columns than labels known, without names",
        ValueError,
        "Name the columns",
        lambda b: b.fit(b.X, b.Y, adapter=KernelAdapter()).partial_fit(b.X, b.Y[:, :2]),
    ),
    Case(
        "names of too many columns",
        ValueError,
        "one name for each column",
        lambda b: b.fit(b.X, b.Y, adapter=KernelAdapter()).partial_fit(
            b.X, b.Y, classes=list("abcd")
        ),
    ),
    Case(
        "calibration without any labelled image",
        ValueError,
        "",
        lambda b: MultiLabelCalibratedClassifier(FrozenEstimator(b.fitted)).fit(
            b.X, np.full_like(b.Y, -1)
        ),
    ),
    Case(
        "the wrong number of columns for names",
        ValueError,
        "",
        lambda b: b.fitted.inverse_transform(b.Y[:, :2]),
    ),
    Case(
        "an unknown device", ValueError, "Set device=None", lambda b: b.fit(b.X, b.Y, device="gpu")
    ),
    Case(
        "an unknown parameter",
        ValueError,
        "Valid parameters are",
        lambda b: b.clf().set_params(radius=2),
    ),
    Case(
        "something that is not a perturbation",
        ValueError,
        "'perturbation' parameter",
        lambda b: b.fit(b.X, b.Y, perturbation=2.5),
    ),
    Case(
        "something that is not an encoder",
        ValueError,
        "'encoder' parameter",
        lambda b: TextAsImageClassifier("RN50").fit(b.X, b.Y),
    ),
    Case(
        "an unknown model",
        ValueError,
        "did you mean",
        lambda b: OpenCLIPEncoder("RN5O").transform(["a dog"]),
    ),
    Case(
        "weights that are not there",
        ValueError,
        "Its tags are",
        lambda b: OpenCLIPEncoder("RN50", "opnai").transform(["a dog"]),
    ),
    Case(
        "weights for a model that has its own",
        ValueError,
        "Leave it at 'auto'",
        lambda b: OpenCLIPEncoder("tai-tiny", "openai").transform(["a dog"]),
    ),
    Case(
        "a saved classifier with a model of somebody's",
        ValueError,
        "pass trusted=",
        lambda b: load_classifier(b.foreign()),
    ),
    Case(
        "weights without a network",
        OSError,
        "Unset HF_HUB_OFFLINE once",
        lambda b: OpenCLIPEncoder("ViT-B-32", "openai").transform(["a dog"]),
    ),
    Case(
        "an unknown precision",
        ValueError,
        "'precision' parameter",
        lambda b: OpenCLIPEncoder("tai-tiny", precision="int8").transform(["a dog"]),
    ),
    Case("prediction before fit", ValueError, "Call 'fit'", lambda b: b.clf().predict(b.X)),
    Case(
        "labels as one str",
        TypeError,
        "Wrap it in a list",
        lambda b: PromptCorpusGenerator(5).generate("dog"),
    ),
    Case("no labels", ValueError, "at least one", lambda b: PromptCorpusGenerator(5).generate([])),
    Case(
        "a blank label",
        ValueError,
        "not blank",
        lambda b: PromptCorpusGenerator(5).generate(["dog", " "]),
    ),
    Case(
        "one name of two labels",
        ValueError,
        "leave it to one",
        lambda b: PromptCorpusGenerator(5).generate({"car": ["cab"], "taxi": ["taxi", "cab"]}),
    ),
    Case(
        "a group of unknown labels",
        ValueError,
        "correct the spelling",
        lambda b: Vocabulary(["dog"], groups={"animal": ["dog", "kat"]}),
    ),
    Case(
        "groups in a circle",
        ValueError,
        "remove one of them",
        lambda b: Vocabulary(["dog"], groups={"pet": ["dog", "animal"], "animal": ["pet"]}),
    ),
    Case(
        "a label that excludes itself",
        ValueError,
        "Remove one of them",
        lambda b: Vocabulary(["dog"], groups={"pet": ["dog"]}, exclusive=[["pet", "dog"]]),
    ),
    Case(
        "a line of labels that says two things",
        ValueError,
        "expected a line like",
        lambda b: Vocabulary.from_text("pet: dog | cat"),
    ),
    Case(
        "a text without labels",
        ValueError,
        "Write one per line",
        lambda b: Vocabulary.from_text("# to do"),
    ),
    Case(
        "a label with a comma in a file",
        ValueError,
        "Rename it",
        lambda b: Vocabulary(["salt, pepper"]).save(b.file("labels.txt")),
    ),
    Case(
        "a label twice",
        ValueError,
        "remove the repetitions",
        lambda b: PromptCorpusGenerator(5).generate(["dog", "dog"]),
    ),
    Case(
        "a template without its place",
        ValueError,
        "exactly one",
        lambda b: ZeroShotClassifier(["dog"], b.encoder, templates=["a photo"]).fit(),
    ),
    Case(
        "an empty ensemble",
        ValueError,
        "at least one",
        lambda b: ScoreEnsemble([]).fit(b.X, b.Y),
    ),
    Case(
        "weights for other members",
        ValueError,
        "one for each",
        lambda b: ScoreEnsemble([("a", b.clf())], weights=[1, 2]).fit(b.X, b.Y),
    ),
    Case(
        "scaling for other members",
        ValueError,
        "for each of the 1",
        lambda b: ScoreEnsemble([("a", b.clf())], scaling=[None, "minmax"]).fit(b.X, b.Y),
    ),
    Case(
        "embeddings to a split, without their modality",
        ValueError,
        "as groups",
        lambda b: list(CrossModalSplit().split(b.X)),
    ),
    Case(
        "a split without images",
        ValueError,
        "add labelled images",
        lambda b: list(CrossModalSplit().split(["a dog", "a cat"])),
    ),
    Case(
        "texts alone to ShiftedPerturbation",
        UserWarning,
        "use RandomPerturbation",
        lambda b: ShiftedPerturbation().fit(b.X, b.Y),
    ),
    Case(
        "a share of images of 1",
        ValueError,
        "'image_share' parameter",
        lambda b: MixedPerturbation(image_share=1).fit(b.X),
    ),
    Case("no shots", ValueError, "n_shots", lambda b: few_shot_indices(b.Y, n_shots=-1)),
    Case("a share of labels beyond 1", ValueError, r"1|\[0, 1\]", lambda b: mask_labels(b.Y, 1.5)),
]
AREAS = {
    "Images": IMAGES,
    "Texts and lists of items": TEXTS,
    "Embeddings": EMBEDDINGS,
    "Labels": LABELS,
    "Parameters": PARAMETERS,
}


def message_of(case: Case, bench: Bench) -> tuple[type, str]:
    """The error or warning of a case: its class and message."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            case.call(bench)
        except Exception as error:
            return type(error), str(error)
    raise AssertionError(f"{case.given}: no error")


def table() -> str:
    """The docs page, in Markdown."""
    lines = [
        "# Errors and their remedies",
        "",
        "What happens with bad input, and what to do. `python -m tests.bad_inputs` runs every",
        "case and writes this page; the tests check each of them.",
    ]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        for area, cases in AREAS.items():
            lines += ["", f"## {area}", "", "| given | raised | message |", "|---|---|---|"]
            for case in cases:
                kind, message = message_of(case, bench)
                message = " ".join(message.replace(f"{name}/", "").replace(name, "photos").split())
                message = message if len(message) < 330 else f"{message[:330]} ..."
                lines.append(
                    f"| {case.given} | {kind.__name__} | {message.replace('|', chr(92) + '|')} |"
                )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    DOCS.write_text(table())
    sys.stdout.write(f"{sum(map(len, AREAS.values()))} cases\n")
