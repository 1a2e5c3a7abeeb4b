"""Image encoding against a plain loop over open_clip, side by side.

    python -m benchmarks.speed.image_encoding [FOLDER]

Photos of the folder (JPEG, PNG), or else noise of 640 x 480 pixels saved as JPEG. The
plain loop opens, preprocesses and encodes batch by batch in full precision. The table has
the median ratio of seconds and the smallest cosine to the plain embeddings.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from tqdm import tqdm

from ..testbeds import open_clip_name, untrained


def plain(model, preprocess, paths: list[Path], batch_size: int) -> np.ndarray:
    """What a user of open_clip writes."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(paths), batch_size):
            pictures = [Image.open(p).convert("RGB") for p in paths[start : start + batch_size]]
            parts.append(model.encode_image(torch.stack([preprocess(p) for p in pictures])))
    return torch.cat(parts).numpy()


def noise_photos(folder: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        coarse.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{i:03}.jpg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--n-images", type=int, default=128)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if args.folder is None:
            noise_photos(Path(scratch), args.n_images)
        folder = args.folder or Path(scratch)
        found = sorted([*folder.rglob("*.jpg"), *folder.rglob("*.png")])
        paths = (found * args.n_images)[: args.n_images]
        print(
            "| model | precision | plain / ours | range | smallest cosine |\n|---|---|---|---|---|"
        )
        for name in ("tai-tiny", "RN50", "ViT-B-32"):
            torch.manual_seed(0)
            resolved = open_clip_name(name)
            model, _, preprocess = open_clip.create_model_and_transforms(resolved)
            model.eval()
            for precision in ("fp32", "bf16"):
                encoder = untrained(name).set_params(precision=precision)
                encoder.transform(paths[:64])
                plain(model, preprocess, paths[:64], 64)
                ratios = []
                for _ in tqdm(range(args.turns), desc=f"{name} {precision}", leave=False):
                    begun = time.perf_counter()
                    expected = plain(model, preprocess, paths, encoder.batch_size)
                    between = time.perf_counter()
                    ours = encoder.transform(paths)
                    ratios.append((between - begun) / (time.perf_counter() - between))
                norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(expected, axis=1)
                print(
                    f"| {name} | {precision} | {np.median(ratios):.2f} "
                    f"| {min(ratios):.2f} to {max(ratios):.2f} "
                    f"| {((ours * expected).sum(axis=1) / norms).min():.5f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
