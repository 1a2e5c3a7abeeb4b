"""Parameters and operations (Table 4), counted like the paper and in full.

    python -m benchmarks.paper.table4

For an image of 224 x 224, a text of 77 tokens, RN50 and 80 labels. To get the paper's numbers,
leave attention out of both towers, like counters that go layer by layer: the image tower without
its attention pool, and only the two layers behind each attention of the text tower. A
multiplication with its addition counts as two operations. Weights are random.
"""

import argparse
import copy

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sklearn_tai import KernelAdapter, RandomPerturbation
from sklearn_tai.adapters import MLPModule, TrainingData

from ..testbeds import untrained
from ._results import published

D, N_LABELS, N_TEXTS, N_TOKENS, WIDTH = 1024, 80, 10_000, 77, 512
IMAGE, EMBEDDING = torch.zeros(1, 3, 224, 224), torch.zeros(1, D)
TOKENS, HIDDEN = torch.zeros(1, N_TOKENS, dtype=torch.long), torch.zeros(1, N_TOKENS, WIDTH)
Cost = np.ndarray  # millions of stored numbers, billions of operations


def cost(module: nn.Module, method: str, *inputs: torch.Tensor) -> Cost:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        getattr(module, method)(*inputs)
    # the kernel stores its texts in buffers; other buffers have one number per channel
    kept = [*module.parameters(), *(b for b in module.buffers() if b.ndim > 1)]
    return np.array(
        [sum(tensor.numel() for tensor in kept) / 1e6, counter.get_total_flops() / 1e9]
    )


def kernel() -> nn.Module:
    """The default adapter with as many texts as in the paper."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_TEXTS, D)).astype(np.float32)
    Y = (rng.random((N_TEXTS, N_LABELS)) < 2.5 / N_LABELS).astype(np.int8)
    data = TrainingData(X, Y, np.zeros(N_TEXTS, dtype=bool))
    return KernelAdapter().fit(data, RandomPerturbation().fit(X)).to_module()


def rows() -> dict[str, tuple[Cost, Cost]]:
    """Costs of training and of prediction, by method."""
    clip = untrained("RN50")._load().model.eval()
    network = cost(MLPModule(D, N_LABELS).eval(), "forward", EMBEDDING)
    closed = cost(kernel(), "forward", EMBEDDING)
    image = cost(clip.visual, "forward", IMAGE)
    text = cost(clip, "encode_text", TOKENS) - [image[0], 0]
    visual = copy.deepcopy(clip.visual)  # the model is shared
    visual.attnpool = nn.Identity()
    trunk = cost(visual, "forward", IMAGE)
    blocks = nn.Sequential(*(block.mlp for block in clip.transformer.resblocks))
    behind = cost(blocks, "forward", HIDDEN)
    # global and local prompts for each label; the parameters of both towers count twice
    prompts = 2 * behind * [1, N_LABELS]
    return {
        "TaI-DPT": (prompts, prompts + trunk * [2, 1]),
        "TaI-Adapter": (behind + network, trunk + network),
        "TaI-Adapter, everything": (text + network, image + network),
        "KernelAdapter, everything": (text + closed, image + closed),
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    known = published("table4", "cost")
    columns = [c for _, c in known][:4]
    print("| method | " + " | ".join(columns) + " |\n" + "|---" * 5 + "|")
    for name, pair in rows().items():
        values = np.concatenate(pair)
        beside = [f" ({known[name, c][0][0]})" if (name, c) in known else "" for c in columns]
        cells = " | ".join(f"{v:.2f}{text}" for v, text in zip(values, beside))
        print(f"| {name} | {cells} |")
    print("\nIn brackets, the paper's.")


if __name__ == "__main__":
    main()
