"""Parameters and operations (Table 4): the paper's way of counting, and everything.

    python -m benchmarks.paper.table4

An image of 224 x 224, a text of 77 tokens, RN50, 80 labels. The paper's numbers come out if
attention is left out of both towers, as counters do that go from layer to layer: the image
tower without its attention pool, and of the text tower the two layers behind each attention.
Operations are two for a multiplication with its addition. Weights are random.
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
Cost = np.ndarray  # millions of numbers that are kept, billions of operations


def cost(module: nn.Module, method: str, *inputs: torch.Tensor) -> Cost:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        getattr(module, method)(*inputs)
    # the kernel keeps its texts in buffers; other buffers are single numbers a channel
    kept = [*module.parameters(), *(b for b in module.buffers() if b.ndim > 1)]
    return np.array(
        [sum(tensor.numel() for tensor in kept) / 1e6, counter.get_total_flops() / 1e9]
    )


def kernel() -> nn.Module:
    """The default adapter with as many texts as the paper needs."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_TEXTS, D)).astype(np.float32)
    Y = (rng.random((N_TEXTS, N_LABELS)) < 2.5 / N_LABELS).astype(np.int8)
    data = TrainingData(X, Y, np.zeros(N_TEXTS, dtype=bool))
    return KernelAdapter().fit(data, RandomPerturbation().fit(X)).to_module()


def rows() -> dict[str, tuple[Cost, Cost]]:
    """What is trained with, and what predicts."""
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
    # prompts for global and for local features of each label, both towers twice
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
