"""Text encoding compared with open_clip's own ``encode_text``.

    python -m benchmarks.speed.text_encoding

The texts are a language model's captions (`data/`), of about 17 tokens in CLIP's vocabulary, or
more in the bundled model's small one. Both run in turns, several times; the table has the
median ratio of seconds, and how much the embeddings differ.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
from tqdm import tqdm

from sklearn_tai.corpus import Corpus
from sklearn_tai.encoders._text import text_lengths

from ..testbeds import open_clip_name, untrained

CAPTIONS = Path(__file__).parents[1] / "data" / "captions_qwen2.5-coder-1.5b.jsonl"
MODELS = ["tai-tiny", "RN50", "ViT-B-32"]


def plain(model, tokenize, texts: list[str], batch_size: int) -> np.ndarray:
    """The code that a user of open_clip would write."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), batch_size):
            parts.append(model.encode_text(tokenize(texts[start : start + batch_size])).numpy())
    return np.vstack(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n-texts", type=int, default=600)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    texts = Corpus.load(CAPTIONS).texts[: args.n_texts]
    print(
        "| model | mean tokens | precision | open_clip / ours | range | largest difference "
        "| smallest cosine |\n|---|---|---|---|---|---|---|"
    )
    for name in MODELS:
        torch.manual_seed(0)  # the same random weights as the encoder's
        model = open_clip.create_model(open_clip_name(name)).eval()
        loaded = untrained(name)._load()
        n_tokens = float(text_lengths(loaded.model, loaded.tokenize(texts)).float().mean())
        for precision in ("fp32", "bf16"):
            encoder = untrained(name).set_params(precision=precision)
            encoder.transform(texts[:64])
            plain(model, loaded.tokenize, texts[:64], encoder.batch_size)
            ratios = []
            for _ in tqdm(range(args.turns), desc=f"{name} {precision}", leave=False):
                begun = time.perf_counter()
                expected = plain(model, loaded.tokenize, texts, encoder.batch_size)
                between = time.perf_counter()
                ours = encoder.transform(texts)
                ratios.append((between - begun) / (time.perf_counter() - between))
            norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(expected, axis=1)
            print(
                f"| {name} | {n_tokens:.1f} | {precision} | {np.median(ratios):.1f} "
                f"| {min(ratios):.1f} to {max(ratios):.1f} | {np.abs(ours - expected).max():.0e} "
                f"| {((ours * expected).sum(axis=1) / norms).min():.5f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
