"""Train the bundled CLIP model contrastively on composed scenes (Radford et al., 2021).

    pip install -r tools/emoji_clip/requirements.txt
    python tools/emoji_clip/train.py --work /some/folder

It can be stopped and restarted at any time: a checkpoint is in the work folder. The result
is an open_clip model folder (``open_clip_config.json``, ``open_clip_model.safetensors``,
``bpe.txt.gz``, ``training.json``) at ``sklearn_tai/encoders/models/tai-tiny``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import platform
import time
from pathlib import Path

import open_clip
import torch
from data import Pairs, collate
from open_clip.tokenizer import default_bpe
from safetensors.torch import save_file
from sprites import TRAIN_STYLES, load_sprites
from torch.nn.functional import cross_entropy, normalize
from tqdm import tqdm

TARGET = Path(__file__).parents[2] / "sklearn_tai" / "encoders" / "models" / "tai-tiny"
N_MERGES = 4096  # of CLIP's 48,894 byte-pair merges: the most common words are not split
SIZE = 96
MODEL_CFG = {
    "embed_dim": 256,
    "vision_cfg": {"image_size": SIZE, "layers": [1, 1, 1, 1], "width": 24},
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 512 + N_MERGES + 2,
        "width": 192,
        "heads": 6,
        "layers": 3,
    },
}
NORM = 10.0
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def write_folder(model_dir: Path) -> None:
    """Write everything in the model folder except the weights."""
    model_dir.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": MODEL_CFG, "preprocess_cfg": {"mean": MEAN, "std": STD}}
    (model_dir / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    lines = gzip.decompress(Path(default_bpe()).read_bytes()).decode("utf-8").split("\n")
    # mtime=0 makes the same file in each run
    packed = gzip.compress("\n".join(lines[: 1 + N_MERGES]).encode("utf-8"), 9, mtime=0)
    (model_dir / "bpe.txt.gz").write_bytes(packed)


def forward_text(model, tokens):
    """``encode_text`` on the used positions only; exact, because attention is causal."""
    length = int((tokens != 0).sum(1).max())
    tokens = tokens[:, :length]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    return x[torch.arange(len(x)), tokens.argmax(1)] @ model.text_projection


def export(model, image, text) -> None:
    """Write the weights in half precision.

    Training fixes only the directions of embeddings. The last layers are scaled so that texts and
    images have the mean norm NORM, close to that of real CLIP models; cosines do not change.
    """
    state = {k: v.clone() for k, v in model.state_dict().items() if v.is_floating_point()}
    state["text_projection"] *= NORM / text.float().norm(dim=1).mean()
    for name in ("weight", "bias"):
        state[f"visual.attnpool.c_proj.{name}"] *= NORM / image.float().norm(dim=1).mean()
    weights = {name: tensor.half().contiguous() for name, tensor in state.items()}
    path = TARGET / "open_clip_model.safetensors"
    save_file(weights, path)
    path.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="checkpoint and art")
    parser.add_argument("--steps", type=int, default=1900)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    write_folder(TARGET)
    config = json.loads((TARGET / "open_clip_config.json").read_text())["model_cfg"]
    model = open_clip.CLIP(**config).to(memory_format=torch.channels_last).train()
    tokenizer = open_clip.SimpleTokenizer(bpe_path=str(TARGET / "bpe.txt.gz"))
    decay = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": args.weight_decay},
         {"params": others, "weight_decay": 0.0}],
        lr=args.lr, betas=(0.9, 0.98), eps=1e-6,
    )  # fmt: skip
    warmup = max(1, args.steps // 20)

    def lr_at(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (args.steps - warmup)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_at)
    checkpoint, start, spent = args.work / "checkpoint.pt", 0, 0.0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        start, spent = state["step"], state["seconds"]

    sprites = load_sprites(TRAIN_STYLES, args.work / "art")
    n_pairs = args.steps * args.batch_size
    pairs = Pairs(sprites, n_pairs, args.seed, SIZE, batch_size=args.batch_size)
    remaining = torch.utils.data.Subset(pairs, range(start * args.batch_size, len(pairs)))
    loader = torch.utils.data.DataLoader(
        remaining, batch_size=args.batch_size, num_workers=1, collate_fn=collate, prefetch_factor=3
    )
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    targets, begun, smooth = torch.arange(args.batch_size), time.monotonic(), None
    bar = tqdm(loader, initial=start, total=args.steps, unit="step")
    for step, (images, texts) in enumerate(bar, start=start):
        pixels = images.permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(std)
        with torch.autocast("cpu", torch.bfloat16):
            image = model.visual(pixels.contiguous(memory_format=torch.channels_last))
            text = forward_text(model, tokenizer(texts))
        logits = model.logit_scale.exp() * normalize(image.float()) @ normalize(text.float()).T
        loss = (cross_entropy(logits, targets) + cross_entropy(logits.T, targets)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        bar.set_postfix(loss=f"{smooth:.3f}", scale=f"{model.logit_scale.exp().item():.1f}")
        if (step + 1) % 100 == 0 or step + 1 == args.steps:
            seconds = spent + time.monotonic() - begun
            state = {
                "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(), "step": step + 1, "seconds": seconds,
            }  # fmt: skip
            torch.save(state, checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
            export(model, image.detach(), text.detach())
            record = {
                **{k: v for k, v in vars(args).items() if k != "work"}, "steps_done": step + 1,
                "pairs_seen": (step + 1) * args.batch_size, "hours": round(seconds / 3600, 2),
                "loss": round(smooth, 4), "torch": torch.__version__,
                "open_clip": open_clip.__version__, "python": platform.python_version(),
            }  # fmt: skip
            (TARGET / "training.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
