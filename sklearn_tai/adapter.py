"""The adapter network and its training, on skorch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler
from skorch.dataset import Dataset
from torch import nn
from tqdm.auto import tqdm

from ._losses import KnownBCEWithLogitsLoss
from .perturbation import BasePerturbation


class CosineLinear(nn.Module):
    """Cosines of its input with a vector for each label, times a learnt scale, plus a bias.

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
        # cosines are small: as in CLIP, the scale starts large and is learnt as a logarithm
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n_samples, n_labels)."""
        cosines = nn.functional.normalize(X) @ nn.functional.normalize(self.weight).T
        return cosines * self.log_scale.exp() + self.bias


class Adapter(nn.Sequential):
    """A multi-layer perceptron from embeddings to one logit a label.

    Parameters
    ----------
    n_features : int
        Dimension of the embeddings.
    n_labels : int
        Number of labels.
    hidden_sizes : sequence of int, default=(2048, 2048, 2048)
        Width of each hidden layer; empty for a linear adapter.
    dropout : float, default=0.1
        Dropout rate after each hidden layer.
    head : {"linear", "cosine"}, default="linear"
        The last layer: linear, or the cosine with a vector for each label, times a
        learnt scale.
    input_scale : float, default=1.0
        Multiplies the embeddings on their way in. Learning rates are made for inputs
        of about unit variance, but embeddings have norms from 1 to 100.

    Notes
    -----
    A ReLU follows each hidden layer. With the paper's sizes on
    CLIP RN50 this reproduces the parameter counts of its Table 4
    (arXiv:2312.04160).

    Examples
    --------
    >>> import torch
    >>> from sklearn_tai.adapter import Adapter
    >>> Adapter(16, 3, hidden_sizes=(8,))(torch.zeros(2, 16)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        hidden_sizes: Sequence[int] = (2048, 2048, 2048),
        dropout: float = 0.1,
        head: str = "linear",
        input_scale: float = 1.0,
    ) -> None:
        layers: list[nn.Module] = []
        width = n_features
        for size in hidden_sizes:
            layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
            width = size
        last = CosineLinear if head == "cosine" else nn.Linear
        super().__init__(*layers, last(width, n_labels))
        self.input_scale = input_scale

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n_samples, n_labels)."""
        return super().forward(X * self.input_scale)


class TensorBatches:
    """Batches cut straight from tensors in memory, perturbed afresh each time.

    Takes the place of torch's ``DataLoader`` (skorch's ``iterator_train``), which
    reads row by row: up to ten times slower on small rows.

    Embeddings and labels are moved to `device` once, so that batches are cut and noise
    is drawn there. A sparse `y` stays sparse: only batches of it are made dense.

    With `image_share`, an epoch has all texts once and as many images, each about
    equally often, as make up that share of it.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool = False,
        perturbation: Any = None,
        is_image: torch.Tensor | None = None,
        image_share: float | None = None,
        device: str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.X = torch.as_tensor(dataset.X, device=self.device)
        self.y = dataset.y
        if self.y is not None and not sparse.issparse(self.y):
            self.y = torch.as_tensor(self.y, device=self.device)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.perturbation = perturbation
        self.is_image = is_image
        n_images = 0 if is_image is None else int(is_image.sum())
        n_texts = len(self.X) - n_images
        self.n_image_draws = n_images
        if image_share is not None and n_images and n_texts:
            self.n_image_draws = round(n_texts * image_share / (1 - image_share))
        self.n_rows = n_texts + self.n_image_draws

    def __len__(self) -> int:
        return math.ceil(self.n_rows / self.batch_size)

    def _epoch_rows(self) -> torch.Tensor:
        if not self.shuffle:
            return torch.arange(len(self.X))
        if self.n_rows == len(self.X):
            return torch.randperm(len(self.X))
        assert self.is_image is not None
        images, texts = self.is_image.nonzero()[:, 0], (~self.is_image).nonzero()[:, 0]
        n_passes = math.ceil(self.n_image_draws / len(images))
        draws = [torch.randperm(len(images)) for _ in range(n_passes)]
        drawn = images[torch.cat(draws)[: self.n_image_draws]] if draws else images[:0]
        return torch.cat([texts, drawn])[torch.randperm(self.n_rows)]

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for rows in self._epoch_rows().split(self.batch_size):
            batch = self.X[rows.to(self.device)]
            if self.perturbation is not None:
                kinds = () if self.is_image is None else (self.is_image[rows].to(self.device),)
                batch = self.perturbation.perturb(batch, *kinds)
            yield batch, self._targets(rows)

    def _targets(self, rows: torch.Tensor) -> torch.Tensor:
        if self.y is None:  # skorch asks for a target even in prediction, where it is not used
            return torch.zeros(len(rows))
        if sparse.issparse(self.y):
            return torch.from_numpy(self.y[rows.numpy()].toarray()).to(self.device)
        return self.y[rows.to(self.device)]


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


class _Interrupted(BaseException):
    """Ctrl-C, in a form that skorch does not take for the wish to stop early."""


class AdapterNet(NeuralNet):
    """A skorch net that lets Ctrl-C through, instead of passing for fitted."""

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """One epoch; skorch's own callbacks stop the training between epochs."""
        try:
            super().run_single_epoch(*args, **kwargs)
        except KeyboardInterrupt:
            raise _Interrupted from None


def prediction_net(
    net: type[NeuralNet],
    module: type[nn.Module],
    sizes: dict[str, Any],
    device: str,
    batch_size: int = 4096,
) -> NeuralNet:
    """A net that is ready to predict, but for the weights of its module."""
    return net(
        module,
        **{f"module__{name}": value for name, value in sizes.items()},
        criterion=nn.BCEWithLogitsLoss,
        predict_nonlinearity=torch.sigmoid,
        iterator_valid=TensorBatches,
        iterator_valid__batch_size=batch_size,
        train_split=None,
        callbacks__print_log=None,
        device=device,
        verbose=0,
    ).initialize()


def check_device(device: str | None) -> str:
    """A device of torch's that works here: the one asked for, else a GPU if there is one."""
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        cause = str(error).split("\n")[0]
        raise ValueError(
            f"device={device!r} cannot be used here ({cause}). Set device=None or 'cpu'."
        ) from None
    return device


def train_adapter(
    X: np.ndarray,
    Y: np.ndarray | sparse.csr_array,
    perturbation: BasePerturbation | None,
    *,
    is_image: np.ndarray | None = None,
    hidden_sizes: Sequence[int],
    dropout: float,
    max_epochs: int,
    batch_size: int,
    max_lr: float,
    device: str,
    seed: int,
    verbose: int,
    callbacks: Sequence[Any] = (),
    head: str = "linear",
    criterion: type[nn.Module] = KnownBCEWithLogitsLoss,
) -> NeuralNet:
    """Fit an adapter with AdamW and a 1-cycle learning rate.

    The loss is `criterion`, by default binary cross-entropy (Eq. 3). `Y` may hold -1
    (unknown) where `is_image`; the default loss leaves those entries out.
    """
    batches: dict[str, Any] = {
        "perturbation": perturbation,
        "is_image": None if is_image is None else torch.from_numpy(is_image),
        "image_share": None if perturbation is None else perturbation.image_share,
    }
    # skorch's own check of lengths does not know sparse labels
    dataset = Dataset(X, Y, length=len(X))
    n_steps = max_epochs * len(TensorBatches(dataset, batch_size, **batches))
    schedule = LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR, max_lr=max_lr, total_steps=n_steps, step_every="batch"
    )
    if criterion is KnownBCEWithLogitsLoss and Y.min() >= 0:
        criterion = nn.BCEWithLogitsLoss  # the same where all is known, in fewer steps
    progress = [("progress", EpochProgress())] if verbose else []
    net = AdapterNet(
        Adapter,
        module__n_features=X.shape[1],
        module__n_labels=Y.shape[1],
        module__hidden_sizes=tuple(hidden_sizes),
        module__dropout=dropout,
        module__head=head,
        # unit variance of the coordinates, whatever the norm of the encoder's embeddings
        module__input_scale=math.sqrt(X.shape[1])
        / max(float(np.linalg.norm(X, axis=1).mean()), 1e-12),
        criterion=criterion,
        # the automatic choice for this loss is made for one binary label
        predict_nonlinearity=torch.sigmoid,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        lr=max_lr,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=TensorBatches,
        iterator_train__shuffle=True,
        iterator_train__device=device,
        **{f"iterator_train__{name}": value for name, value in batches.items()},
        iterator_valid=TensorBatches,
        iterator_valid__batch_size=4096,
        train_split=None,
        callbacks=[("schedule", schedule), *progress, *callbacks],
        callbacks__print_log=None,
        device=device,
        verbose=0,
    )
    # Weights, dropout, shuffling and noise come from torch's global generators: seed them
    # for the time of the training, then give the user's state back. Only the device in
    # use is touched: others may be of no use to this process.
    on, gpus = torch.device(device), []
    if on.type == "cuda":
        gpus = [torch.cuda.current_device() if on.index is None else on.index]
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        try:
            net.fit(dataset)
        except _Interrupted:
            raise KeyboardInterrupt from None
    # of no use after training, and pickled with the weights: moments, which are twice as
    # large, and in the schedule the weights once more
    net.optimizer_.state.clear()
    for _, callback in net.callbacks_:
        if isinstance(callback, LRScheduler):
            del callback.lr_scheduler_
    return net
