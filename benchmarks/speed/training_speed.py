"""Adapter training compared with stock skorch, and with its matrix products alone.

    python -m benchmarks.speed.training_speed

Network, loss, optimizer, schedule, noise and number of updates are the same, and all run in
turns. Stock skorch has torch's ``DataLoader``, AdamW without options, and the noise in the
module. The table has median ratios of seconds and the mAP on the bundled pictures.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from tqdm import tqdm

from sklearn_tai import MLPAdapter, PromptCorpusGenerator, RandomPerturbation
from sklearn_tai.adapters import MLPModule, TrainingData
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.metrics import mean_average_precision

from ..testbeds import untrained

SIZES = [("tai-tiny", (256,) * 3), ("tai-tiny", (2048,) * 3), ("RN50", (2048,) * 3)]


class NoisyModule(MLPModule):
    """The network with noise inside, as one would write it in plain torch."""

    radius = 0.0

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        if self.training:
            noise = torch.randn_like(X)
            X = X + self.radius * noise / noise.norm(dim=1, keepdim=True)
        return super().forward(X)


def train_stock(X: np.ndarray, Y: np.ndarray, radius: float, adapter: MLPAdapter) -> NeuralNet:
    torch.manual_seed(adapter.random_state)
    NoisyModule.radius = radius
    n_steps = adapter.max_epochs * -(-len(X) // adapter.batch_size)
    net = NeuralNet(
        NoisyModule,
        module__n_features=X.shape[1],
        module__n_labels=Y.shape[1],
        module__hidden_layer_sizes=adapter.hidden_layer_sizes,
        module__dropout=adapter.dropout,
        module__input_scale=X.shape[1] ** 0.5 / float(np.linalg.norm(X, axis=1).mean()),
        criterion=torch.nn.BCEWithLogitsLoss,
        optimizer=torch.optim.AdamW,
        lr=adapter.max_lr,
        max_epochs=adapter.max_epochs,
        batch_size=adapter.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        predict_nonlinearity=torch.sigmoid,
        callbacks=[
            LRScheduler(
                torch.optim.lr_scheduler.OneCycleLR,
                max_lr=adapter.max_lr,
                total_steps=n_steps,
                step_every="batch",
            )
        ],
        verbose=0,
    )
    return net.fit(X, Y)


def matrix_products(n_features: int, hidden: tuple[int, ...], n_labels: int, n_steps: int) -> None:
    """The forward and backward matrix products of the training, and nothing else."""
    sizes = [n_features, *hidden, n_labels]
    inputs = [torch.randn(64, size) for size in sizes]
    weights = [torch.randn(b, a) for a, b in itertools.pairwise(sizes)]
    for _ in range(n_steps):
        for i, weight in enumerate(weights):
            inputs[i] @ weight.T
            if i:  # the embeddings need no gradient
                inputs[i + 1] @ weight
            inputs[i + 1].T @ inputs[i]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n-texts", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    scenes = load_emoji_scenes()
    texts, Y = PromptCorpusGenerator(args.n_texts, random_state=0).generate(scenes.label_names)
    Y = np.asarray(Y, np.float32)
    print(
        "| encoder | adapter | stock skorch / ours | ours / matrix products "
        "| mAP stock | mAP ours |\n|---|---|---|---|---|---|"
    )
    for model, hidden in SIZES:
        encoder = untrained(model)
        X, images = encoder.transform(texts), None
        if model == "tai-tiny":  # random weights cannot be scored
            images = encoder.transform(scenes.images)
        perturbation = RandomPerturbation().fit(X)
        data = TrainingData(X, Y, np.zeros(len(X), dtype=bool))
        n_steps = args.epochs * -(-len(X) // 64)
        ratios, scores = [], []
        for turn in tqdm(range(args.turns), desc=f"{model} {hidden[0]}", leave=False):
            adapter = MLPAdapter(
                hidden, max_epochs=args.epochs, max_lr=1e-3, device="cpu", random_state=turn
            )
            marks, nets = [time.perf_counter()], []
            nets.append(train_stock(X, Y, perturbation.radius_, adapter))
            marks.append(time.perf_counter())
            nets.append(adapter.fit(data, perturbation))
            marks.append(time.perf_counter())
            matrix_products(X.shape[1], hidden, Y.shape[1], n_steps)
            marks.append(time.perf_counter())
            stock, ours, products = np.diff(marks)
            ratios.append((stock / ours, ours / products))
            if images is not None:
                scores.append(
                    [100 * mean_average_precision(scenes.Y, n.predict_proba(images)) for n in nets]
                )
        against_stock, against_products = np.median(ratios, axis=0)
        mean = [f"{s:.1f}" for s in np.mean(scores, axis=0)] if scores else ["", ""]
        print(
            f"| {model}, d = {X.shape[1]} | {len(hidden)} x {hidden[0]} | {against_stock:.2f} "
            f"| {against_products:.2f} | {mean[0]} | {mean[1]} |"
        )


if __name__ == "__main__":
    main()
