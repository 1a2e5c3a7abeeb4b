"""The network of :class:`MLPAdapter`, and its skorch net."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import nn
from tqdm.auto import tqdm

from .._typing import Settings
from ._batches import TensorBatches


def unit_scale(X: np.ndarray) -> float:
    """Factor that gives coordinates unit variance, whatever the norm of the embeddings."""
    return math.sqrt(X.shape[1]) / max(float(np.linalg.norm(X, axis=1).mean()), 1e-12)


class CosineLinear(nn.Module):
    """Cosines between the input and a vector for each label, times a learned scale, plus a bias.

    Parameters
    ----------
    n_features : int
        Width of the input.
    n_labels : int
        Number of labels.
    """

    def __init__(self, n_features: int, n_labels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_labels, n_features))
        self.bias = nn.Parameter(torch.zeros(n_labels))
        # cosines are small, so the scale starts large; it is learned as a logarithm, as in CLIP
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n_samples, n_labels)."""
        cosines = nn.functional.normalize(X) @ nn.functional.normalize(self.weight).T
        return cosines * self.log_scale.exp() + self.bias


# the last layer, given the width before it and the number of labels
HEADS: dict[str, Callable[[int, int], nn.Module]] = {"linear": nn.Linear, "cosine": CosineLinear}


class MLPModule(nn.Sequential):
    """A multi-layer perceptron from embeddings to one logit per label.

    Parameters
    ----------
    n_features : int
        Dimension of the embeddings.
    n_labels : int
        Number of labels.
    hidden_layer_sizes : sequence of int, default=(2048, 2048, 2048)
        Width of each hidden layer; empty for a linear adapter.
    dropout : float, default=0.1
        Dropout rate after each hidden layer.
    head : {"linear", "cosine"}, default="linear"
        The last layer: linear, or the cosine with a vector for each label, times a
        learnt scale.
    input_scale : float, default=1.0
        Factor applied to the input embeddings. Learning rates are meant for inputs of about
        unit variance, but embeddings have norms from 1 to 100.

    Notes
    -----
    A ReLU follows each hidden layer. With the paper's sizes on
    CLIP RN50 this reproduces the parameter counts of its Table 4
    (arXiv:2312.04160).

    Examples
    --------
    >>> import torch
    >>> from sklearn_tai.adapters import MLPModule
    >>> MLPModule(16, 3, hidden_layer_sizes=(8,))(torch.zeros(2, 16)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        hidden_layer_sizes: Sequence[int] = (2048, 2048, 2048),
        dropout: float = 0.1,
        head: str = "linear",
        input_scale: float = 1.0,
    ) -> None:
        layers: list[nn.Module] = []
        width = n_features
        for size in hidden_layer_sizes:
            layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
            width = size
        super().__init__(*layers, HEADS[head](width, n_labels))
        self.input_scale = input_scale

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n_samples, n_labels)."""
        return super().forward(X * self.input_scale)


class EpochProgress(Callback):
    """One progress bar over the epochs."""

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        self.bar_ = tqdm(total=net.max_epochs, desc="Training adapter", unit="epoch")

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.4f}", refresh=False)
        self.bar_.update()

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        self.bar_.close()
        del self.bar_  # bars cannot be pickled


class Interrupted(BaseException):
    """Ctrl-C, in a form that skorch does not mistake for early stopping."""


class MLPNet(NeuralNet):
    """A skorch net that passes on Ctrl-C instead of counting as fitted."""

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Run one epoch; between epochs, skorch's callbacks may stop the training as usual."""
        try:
            super().run_single_epoch(*args, **kwargs)
        except KeyboardInterrupt:
            raise Interrupted from None


def make_net(
    sizes: Settings,
    device: str,
    criterion: type[nn.Module] = nn.BCEWithLogitsLoss,
    **params: Any,
) -> MLPNet:
    """A net of an MLPModule with these `sizes`, not yet initialized; `params` are skorch's."""
    return MLPNet(
        MLPModule,
        **{f"module__{name}": value for name, value in sizes.items()},
        criterion=criterion,
        # skorch's automatic choice for this loss assumes a single binary label
        predict_nonlinearity=torch.sigmoid,
        iterator_valid=TensorBatches,
        iterator_valid__batch_size=4096,
        train_split=None,
        callbacks__print_log=None,
        device=device,
        verbose=0,
        **params,
    )
