"""From files to labels: comparison with other tools, and where the time goes.

    python -m benchmarks.speed.file_to_label --photos FOLDER

Photos are JPEGs from the folder, or else noise, resized to 640 x 480 pixels and to 12 megapixels.
All tools give scores for 80 labels, in turns: open_clip in a loop and with a ``DataLoader``, the
pipeline of Hugging Face (if transformers is installed; it has no ResNets), and the default
classifier, with regions. Weights are random. The second table has each step of the default
alone, and the least time that it could take: decoding at an eighth of the size, resizing with a
box filter, matrix products alone. Shares are of the time of ``predict_proba``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from click.testing import CliRunner
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.cli import cli
from sklearn_tai.deploy import predict_folder, save_classifier
from sklearn_tai.inputs import open_image

from ..testbeds import untrained

BATCH, N_LABELS, N_TEXTS = 16, 80, 5000
SIZES = {"640 x 480": (640, 480), "12 megapixels": (4000, 3000)}
RIVALS = ["loop", "loop in bf16", "DataLoader", "pipeline"]
Way = Callable[[list[Path]], Any]


def photos(folder: Path | None, size: tuple[int, int], n: int, out: Path) -> list[Path]:
    """`n` JPEGs of this size, with noise like a camera's, so that files are as large."""
    rng = np.random.default_rng(0)
    found = sorted(folder.rglob("*.jpg")) if folder else []
    paths = [out / f"{size[0]}-{i:03}.jpg" for i in range(n)]
    for i, path in enumerate(paths):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
        picture = Image.open(found[i % len(found)]).convert("RGB") if found else coarse
        noise = Image.effect_noise(size, 60).convert("RGB")
        large = picture.resize(size, Image.Resampling.BICUBIC)
        Image.blend(large, noise, 0.1).save(path, quality=90)
    return paths


class Files(Dataset[torch.Tensor]):
    """The data set that a user would write for a ``DataLoader``."""

    def __init__(self, paths: list[Path], preprocess: Any) -> None:
        self.paths, self.preprocess = paths, preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.preprocess(Image.open(self.paths[i]).convert("RGB"))


class OpenCLIP:
    """The code that a user of open_clip would write."""

    def __init__(self, name: str, precision: str) -> None:
        self.model, _, self.preprocess = open_clip.create_model_and_transforms(
            name, precision=precision
        )
        self.model.eval()
        self.texts = self.model.encode_text(open_clip.tokenize(["a label"] * N_LABELS)).detach()

    def loop(self, paths: list[Path]) -> None:
        files = Files(paths, self.preprocess)
        starts = range(0, len(files), BATCH)
        ends = (min(start + BATCH, len(files)) for start in starts)
        self.label(torch.stack([files[i] for i in range(*own)]) for own in zip(starts, ends))

    def loader(self, paths: list[Path]) -> None:
        files = Files(paths, self.preprocess)
        self.label(DataLoader(files, BATCH, num_workers=torch.get_num_threads()))

    def label(self, batches: Iterable[torch.Tensor]) -> None:
        with torch.inference_mode():
            for batch in batches:
                images = self.model.encode_image(batch.to(self.texts.dtype))
                (100 * images @ self.texts.T).softmax(dim=-1)


def pipeline() -> Way:
    """Hugging Face's pipeline with CLIP ViT-B/16; it encodes the labels again for each image."""
    import transformers

    config = transformers.CLIPConfig(vision_config={"patch_size": 16})
    ours = open_clip.tokenizer.SimpleTokenizer()
    marks = {"bos_token": "<start_of_text>", "eos_token": "<end_of_text>"}
    marks |= {"unk_token": marks["eos_token"], "pad_token": marks["eos_token"]}
    merges = list(ours.bpe_ranks)
    made = transformers.pipeline(
        "zero-shot-image-classification",
        model=transformers.CLIPModel(config).eval(),
        tokenizer=transformers.CLIPTokenizer(vocab=ours.encoder, merges=merges, **marks),
        image_processor=transformers.CLIPImageProcessor(),
        device="cpu",
    )
    labels = [f"label {k}" for k in range(N_LABELS)]
    return lambda paths: made(list(map(str, paths)), candidate_labels=labels)


def classifier(name: str, precision: str) -> TextAsImageClassifier:
    """The default classifier, fitted on random numbers in place of text embeddings."""
    encoder = untrained(name).set_params(precision=precision, batch_size=BATCH)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_TEXTS, encoder.transform(["a text"]).shape[1])).astype(np.float32)
    return TextAsImageClassifier(encoder).fit(X, rng.random((N_TEXTS, N_LABELS)) < 0.02)


def our_ways(clf: TextAsImageClassifier, scratch: Path) -> dict[str, Way]:
    def folder(paths: list[Path]) -> None:
        with tempfile.TemporaryDirectory(dir=scratch) as out:
            predict_folder(clf, paths, out)

    def tag(paths: list[Path]) -> None:
        with tempfile.TemporaryDirectory(dir=scratch) as out:
            where = ["--model", save_classifier(clf, Path(out) / "model"), "-o", f"{out}/tags.csv"]
            CliRunner().invoke(cli, ["tag", *map(str, [*paths, *where])], catch_exceptions=False)

    return {"predict_proba": clf.predict_proba, "predict_folder": folder, "tag": tag}


def seconds(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


class Products(TorchDispatchMode):
    """Records the matrix products of a network, to run them alone."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("linear", "matmul", "conv2d"):
            self.calls.append((func, args, kwargs or {}))
        elif name == "scaled_dot_product_attention":
            queries, keys, values = (tensor.contiguous() for tensor in args[:3])
            keys = keys.transpose(-2, -1)
            self.calls += [
                (torch.matmul, one, {}) for one in ((queries, keys), (queries @ keys, values))
            ]
        return func(*args, **(kwargs or {}))

    def run(self) -> None:
        for func, args, kwargs in self.calls:
            func(*args, **kwargs)


def steps(
    clf: TextAsImageClassifier, paths: list[Path], turns: int, scratch: Path
) -> dict[str, np.ndarray]:
    """Seconds of each step, and the least that it could take; medians over the turns."""
    loaded = clf.encoder_._load()
    resize, *rest = loaded.preprocess.transforms
    tower, wholes = loaded.image_tower(True), loaded.image_tower(False)
    pictures = [open_image(path, i, loaded.side) for i, path in enumerate(paths)]
    small = [resize(picture) for picture in pictures]

    def finish() -> torch.Tensor:
        own = []
        for picture in small:
            for step in rest:
                picture = step(picture)
            own.append(picture)
        return torch.stack(own).to(loaded.dtype, memory_format=torch.channels_last)

    def eighth() -> None:
        for path in paths:
            with Image.open(path) as picture:
                picture.draft(None, (1, 1))
                picture.load()

    def boxes() -> None:
        for picture, target in zip(pictures, small):
            picture.resize(target.size, Image.Resampling.BOX)

    batch, products = finish(), Products()
    with products:
        embedded = tower(batch).float().numpy()
    cached = deepcopy(clf)
    cached.encoder_.set_params(cache="memory")
    write = our_ways(cached, scratch)["predict_folder"]
    write(paths)
    threads = torch.get_num_threads()  # files are read in parallel
    found: dict[str, tuple[Callable[[], Any], Callable[[], Any] | None, int]] = {
        "read": (lambda: [path.read_bytes() for path in paths], None, threads),
        "decode": (
            lambda: [open_image(path, i, loaded.side) for i, path in enumerate(paths)],
            eighth,
            threads,
        ),
        "resize": (lambda: [resize(picture) for picture in pictures], boxes, threads),
        "to tensors": (finish, lambda: np.stack([np.asarray(one) for one in small]), threads),
        "tower, whole images": (lambda: wholes(batch), products.run, 1),
        "tower, with regions": (lambda: tower(batch), products.run, 1),
        "adapter": (lambda: clf.predict_proba(embedded), None, 1),
        "all from the cache, and written": (lambda: write(paths), None, 1),
    }
    times = [
        [[seconds(way) / n if way else np.nan for way in ways] for *ways, n in found.values()]
        for _ in range(turns)
    ]
    return dict(zip(found, np.median(times, axis=0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs")
    parser.add_argument("--n-images", type=int, default=24)
    parser.add_argument("--n-large", type=int, default=12)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=["ViT-B-16", "RN50"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        numbers = [args.n_images, args.n_large]
        files = {
            name: photos(args.photos, size, n, scratch)
            for n, (name, size) in zip(numbers, SIZES.items())
        }
        rows: dict[str, list[str]] = {"ways": [], "steps": []}
        for model in args.models:
            compare(model, files, scratch, args.turns, rows)
    print(f"\n| photos | model | default | {' | '.join(f'{r} / it' for r in RIVALS)} |")
    print("|---" * (3 + len(RIVALS)) + "|", *rows["ways"], sep="\n")
    print("\n| photos | model | step | share | least share | step / least |")
    print("|---" * 6 + "|", *rows["steps"], sep="\n")


def compare(
    model: str, files: dict[str, list[Path]], scratch: Path, turns: int, rows: dict[str, list[str]]
) -> None:
    """Add a model's rows to both tables."""
    plain, half = OpenCLIP(model, "fp32"), OpenCLIP(model, "bf16")
    ways: dict[str, Way] = dict(zip(RIVALS, [plain.loop, half.loop, plain.loader]))
    if model.startswith("ViT-B-16") and find_spec("transformers"):
        ways["pipeline"] = pipeline()
    classifiers = {precision: classifier(model, precision) for precision in ("fp32", "bf16")}
    for precision, clf in classifiers.items():
        own = our_ways(clf, scratch).items()
        ways |= {f"{name}, {precision}": way for name, way in own}
    for size, paths in files.items():
        times: dict[str, list[float]] = {name: [] for name in ways}
        for turn in tqdm(range(turns + 1), desc=f"{model}, {size}", leave=False):
            own = paths if turn else paths[:2]  # a warm-up
            for name, way in ways.items():
                times[name].append(seconds(lambda way=way, own=own: way(own)))
        for name in [name for name in ways if name not in RIVALS]:
            cells = []
            for rival in RIVALS:
                ratios = np.divide(times.get(rival, [np.nan] * (turns + 1)), times[name])[1:]
                spread = f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
                cells.append(spread if rival in ways else "")
            rows["ways"].append(f"| {size} | {model} | {name} | {' | '.join(cells)} |")
        for precision, clf in classifiers.items():
            with torch.inference_mode():
                found = steps(clf, paths[:BATCH], turns, scratch)
            whole = np.median(times[f"predict_proba, {precision}"][1:])
            whole *= len(paths[:BATCH]) / len(paths)
            for name, (own, least) in found.items():
                shares = f"{own / whole:.3f} | "
                shares += " | " if np.isnan(least) else f"{least / whole:.3f} | {own / least:.2f}"
                rows["steps"].append(f"| {size} | {model}, {precision} | {name} | {shares} |")


if __name__ == "__main__":
    main()
