"""Text encoding against open_clip's own ``encode_text``, side by side.

    python benchmarks/text_encoding.py

Captions of about 17 tokens (the bundled ones of a language model). Both run in turns, several
times; the table has the median ratio of seconds and the largest difference.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sklearn_tai import OpenCLIPEncoder
from sklearn_tai.corpus import Corpus
from sklearn_tai.encoders import _loading

CAPTIONS = Path(__file__).parent / "data" / "captions_qwen2.5-coder-1.5b.jsonl"
MODELS = [("tai-tiny", None), ("RN50", None), ("ViT-B-32", None)]


def plain(loaded: _loading.LoadedModel, texts: list[str], batch_size: int) -> np.ndarray:
    """What a user of open_clip writes."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), batch_size):
            tokens = loaded.tokenize(texts[start : start + batch_size])
            parts.append(loaded.model.encode_text(tokens).numpy())
    return np.vstack(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n-texts", type=int, default=256)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    texts = Corpus.load(CAPTIONS).texts[: args.n_texts]
    print("| model | open_clip / ours, median | range | largest difference |\n|---|---|---|---|")
    for name, pretrained in MODELS:
        encoder = OpenCLIPEncoder(name, pretrained)
        loaded = _loading.load_model(name, pretrained, None)
        encoder.transform(texts[:8])
        ratios = []
        for _ in tqdm(range(args.turns), desc=name, leave=False):
            begun = time.perf_counter()
            expected = plain(loaded, texts, encoder.batch_size)
            between = time.perf_counter()
            ours = encoder.transform(texts)
            ratios.append((between - begun) / (time.perf_counter() - between))
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
        difference = np.abs(ours - expected).max()
        print(f"| {name} | {np.median(ratios):.1f} | {spread} | {difference:.0e} |")


if __name__ == "__main__":
    main()
