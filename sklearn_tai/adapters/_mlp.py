"""A multi-layer perceptron as the adapter, trained on skorch."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils import Tags, check_random_state
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler
from skorch.dataset import Dataset
from skorch.history import History
from torch import nn
from tqdm.auto import tqdm

from .._sklearn_compat import Interval, StrOptions
from ..inputs import check_device
from ..perturbation import BasePerturbation
from ._base import BaseAdapter, TrainingData
from ._batches import TensorBatches
from ._losses import LOSSES, KnownBCEWithLogitsLoss

_SIZES = ("n_features", "n_labels", "hidden_layer_sizes", "dropout", "head", "input_scale")


class MLPAdapter(BaseAdapter):
    """A multi-layer perceptron, trained on perturbed embeddings as the paper does.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(2048, 2048, 2048)
        Widths of the hidden layers; empty for a linear adapter.
    head : {"linear", "cosine"}, default="linear"
        The last layer: "cosine" takes the cosine with a vector for each label, times a
        learnt scale.
    loss : {"bce", "asymmetric", "ranking"}, default="bce"
        What training minimises: binary cross-entropy (Eq. 3), the asymmetric loss
        (arXiv:2009.14119), or a hinge on each pair of a present and an absent label.
        Probabilities of the last two are not meant to be calibrated.
    dropout : float, default=0.1
        Dropout rate after each hidden layer.
    max_epochs : int, default=60
        Passes over the training texts.
    batch_size : int, default=64
        Texts in one batch.
    max_lr : float, default=1e-4
        Peak of the 1-cycle learning rate (AdamW).
    device : str or None, default=None
        Where it is trained and runs ("cpu", "cuda"); None for a GPU if there is one.
    callbacks : sequence, default=()
        Further skorch callbacks of the training.
    random_state : int, RandomState instance or None, default=None
        Fixes initial weights, dropout, batches and noise.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained network, with the ``history`` of its training.
    input_norm_ : float
        Mean norm of the embeddings it was fitted on.

    See Also
    --------
    KernelAdapter : The least loss that such a network could reach, in closed form.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai import MLPAdapter, TextAsImageClassifier
    >>> adapter = MLPAdapter((8,), max_epochs=1, random_state=0)
    >>> clf = TextAsImageClassifier(adapter=adapter).fit(np.eye(4), np.eye(4))
    >>> clf.adapter_.net_.module_[0].out_features
    8
    """

    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like"],
        "head": [StrOptions({"linear", "cosine"})],
        "loss": [StrOptions(set(LOSSES))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_lr": [Interval(Real, 0, None, closed="neither")],
        "device": [str, None],
        "callbacks": ["array-like"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (2048, 2048, 2048),
        *,
        head: str = "linear",
        loss: str = "bce",
        dropout: float = 0.1,
        max_epochs: int = 60,
        batch_size: int = 64,
        max_lr: float = 1e-4,
        device: str | None = None,
        callbacks: Sequence[Any] = (),
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.head = head
        self.loss = loss
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.max_lr = max_lr
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, data: TrainingData, noise: BasePerturbation) -> MLPAdapter:
        """Train with fresh noise in every batch.

        Parameters
        ----------
        data : TrainingData
            Embeddings with their labels.
        noise : BasePerturbation
            The fitted perturbation.

        Returns
        -------
        MLPAdapter
            The fitted adapter.
        """
        self._validate_params()
        for size in self.hidden_layer_sizes:
            if not isinstance(size, Integral) or size < 1:
                raise ValueError(f"hidden_layer_sizes must hold integers above 0; got {size!r}.")
        self.net_ = _train(self, data, noise)
        return self._measure()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def _measure(self) -> MLPAdapter:
        module = self.net_.module_
        self.input_norm_ = math.sqrt(self.net_.module__n_features) / module.input_scale
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return self.net_.forward(X).cpu().numpy()

    def to_module(self) -> nn.Module:
        return copy.deepcopy(self.net_.module_).cpu().eval()

    def get_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        net = self.net_
        module = {name: getattr(net, f"module__{name}") for name in _SIZES}
        module["hidden_layer_sizes"] = list(map(int, module["hidden_layer_sizes"]))
        # in skorch's own file format, which knows its numbers' types
        history = json.loads(json.dumps(net.history.to_list(), default=float))
        weights = {k: v.detach().cpu().numpy() for k, v in net.module_.state_dict().items()}
        return {"module": module, "history": history}, weights

    def set_state(self, settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> MLPAdapter:
        net = prediction_net(settings["module"], check_device(self.device, or_cpu=True))
        net.module_.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in arrays.items()})
        net.history = History(settings["history"])
        self.net_ = net
        return self._measure()


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


class MLPModule(nn.Sequential):
    """A multi-layer perceptron from embeddings to one logit a label.

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
        last = CosineLinear if head == "cosine" else nn.Linear
        super().__init__(*layers, last(width, n_labels))
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


class _Interrupted(BaseException):
    """Ctrl-C, in a form that skorch does not take for the wish to stop early."""


class MLPNet(NeuralNet):
    """A skorch net that lets Ctrl-C through, instead of passing for fitted."""

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """One epoch; skorch's own callbacks stop the training between epochs."""
        try:
            super().run_single_epoch(*args, **kwargs)
        except KeyboardInterrupt:
            raise _Interrupted from None


def prediction_net(sizes: dict[str, Any], device: str) -> NeuralNet:
    """A net that is ready to predict, but for the weights of its module."""
    with torch.random.fork_rng():  # the first weights are drawn, then replaced
        return MLPNet(
            MLPModule,
            **{f"module__{name}": value for name, value in sizes.items()},
            criterion=nn.BCEWithLogitsLoss,
            predict_nonlinearity=torch.sigmoid,
            iterator_valid=TensorBatches,
            iterator_valid__batch_size=4096,
            train_split=None,
            callbacks__print_log=None,
            device=device,
            verbose=0,
        ).initialize()


def _train(adapter: MLPAdapter, data: TrainingData, noise: BasePerturbation) -> NeuralNet:
    """Fit a network with AdamW and a 1-cycle learning rate.

    Labels may be unknown (-1) in images; the default loss leaves those entries out.
    """
    X, Y, is_image = data
    device = check_device(adapter.device)
    batches: dict[str, Any] = {
        "perturbation": noise,
        "is_image": torch.from_numpy(is_image) if is_image.any() else None,
        "image_share": noise.image_share,
    }
    # skorch's own check of lengths does not know sparse labels
    dataset = Dataset(X, Y, length=len(X))
    n_steps = adapter.max_epochs * len(TensorBatches(dataset, adapter.batch_size, **batches))
    schedule = LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        max_lr=adapter.max_lr,
        total_steps=n_steps,
        step_every="batch",
    )
    criterion = LOSSES[adapter.loss]
    if criterion is KnownBCEWithLogitsLoss and Y.min() >= 0:
        criterion = nn.BCEWithLogitsLoss  # the same where all is known, in fewer steps
    progress = [("progress", EpochProgress())] if adapter.verbose else []
    net = MLPNet(
        MLPModule,
        module__n_features=X.shape[1],
        module__n_labels=Y.shape[1],
        module__hidden_layer_sizes=tuple(adapter.hidden_layer_sizes),
        module__dropout=adapter.dropout,
        module__head=adapter.head,
        # unit variance of the coordinates, whatever the norm of the encoder's embeddings
        module__input_scale=math.sqrt(X.shape[1])
        / max(float(np.linalg.norm(X, axis=1).mean()), 1e-12),
        criterion=criterion,
        # the automatic choice for this loss is made for one binary label
        predict_nonlinearity=torch.sigmoid,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        lr=adapter.max_lr,
        max_epochs=adapter.max_epochs,
        batch_size=adapter.batch_size,
        iterator_train=TensorBatches,
        iterator_train__shuffle=True,
        iterator_train__device=device,
        **{f"iterator_train__{name}": value for name, value in batches.items()},
        iterator_valid=TensorBatches,
        iterator_valid__batch_size=4096,
        train_split=None,
        callbacks=[("schedule", schedule), *progress, *adapter.callbacks],
        callbacks__print_log=None,
        device=device,
        verbose=0,
    )
    # Weights, dropout, shuffling and noise come from torch's global generators: seed them
    # for the time of the training, then give the user's state back. Only the device in
    # use is touched: others may be of no use to this process.
    seed = int(check_random_state(adapter.random_state).randint(np.iinfo(np.int32).max))
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
