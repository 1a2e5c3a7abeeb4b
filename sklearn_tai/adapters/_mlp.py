"""A multi-layer perceptron as the adapter, trained with skorch."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import Tags
from skorch.callbacks import Callback, LRScheduler
from skorch.dataset import Dataset
from skorch.history import History
from torch import nn

from .._sklearn_compat import Interval, StrOptions
from .._typing import Arrays, RandomState, Settings
from ..inputs import check_device
from ..perturbation import BasePerturbation
from ._base import BaseAdapter, PhotoCalibration, TrainingData
from ._batches import TensorBatches
from ._losses import LOSSES, KnownBCEWithLogitsLoss
from ._network import HEADS, EpochProgress, Interrupted, MLPModule, MLPNet, make_net, unit_scale
from ._seeds import seeded


class MLPAdapter(BaseAdapter):
    """A multi-layer perceptron trained on perturbed embeddings, as in the paper.

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
        Where to train and run it ("cpu", "cuda"); None for a GPU if there is one.
    callbacks : sequence, default=()
        Further skorch callbacks for the training.
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
    KernelAdapter : What such a network learns from noise, nearly, in closed form.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai import MLPAdapter, TextAsImageClassifier
    >>> adapter = MLPAdapter((8,), max_epochs=1, random_state=0)
    >>> clf = TextAsImageClassifier(adapter=adapter).fit(np.eye(4), np.eye(4))
    >>> clf.adapter_.net_.module_[0].out_features
    8
    """

    calibration = PhotoCalibration(1.75, -0.8, -2.75, 1.5)  # measured on photos
    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like"],
        "head": [StrOptions(set(HEADS))],
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
        callbacks: Sequence[Callback | tuple[str, Callback]] = (),
        random_state: RandomState = None,
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

    def get_state(self) -> tuple[Settings, Arrays]:
        net = self.net_
        module = net.get_params_for("module")
        module["hidden_layer_sizes"] = list(map(int, module["hidden_layer_sizes"]))
        # like skorch's own files, whose format handles NumPy's numbers
        history = json.loads(json.dumps(net.history.to_list(), default=float))
        weights = {k: v.detach().cpu().numpy() for k, v in net.module_.state_dict().items()}
        return {"module": module, "history": history}, weights

    def set_state(self, settings: Settings, arrays: Arrays) -> MLPAdapter:
        device = check_device(self.device, or_cpu=True)
        sizes = settings["module"]
        if 2 * len(sizes["hidden_layer_sizes"]) > len(arrays) or not sizes["input_scale"] > 0:
            raise ValueError(f"{sizes} does not fit weights of {len(arrays)} arrays")
        with torch.device("meta"):  # check before allocating memory for the weights
            wanted = {k: v.shape for k, v in MLPModule(**sizes).state_dict().items()}
        if wanted != {k: v.shape for k, v in arrays.items()}:
            raise ValueError(f"{sizes} does not fit the shapes of the weights")
        if not all(isinstance(epoch, dict) for epoch in settings["history"]):
            raise ValueError("history is not a list of epochs")
        with torch.random.fork_rng():  # random first weights, replaced below
            net = make_net(sizes, device).initialize()
        net.module_.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in arrays.items()})
        net.history = History(settings["history"])
        self.net_ = net
        return self._measure()


def _train(adapter: MLPAdapter, data: TrainingData, noise: BasePerturbation) -> MLPNet:
    """Fit a network with AdamW and a 1-cycle learning rate.

    Labels may be unknown (-1) in images; the default loss leaves those entries out.
    """
    X, Y, is_image = data
    device = check_device(adapter.device)
    batches: Settings = {
        "perturbation": noise,
        "is_image": torch.from_numpy(is_image) if is_image.any() else None,
        "image_share": noise.image_share,
    }
    # skorch's length check does not support sparse labels
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
        criterion = nn.BCEWithLogitsLoss  # same result if all is known, but faster
    progress = [("progress", EpochProgress())] if adapter.verbose else []
    sizes = {
        "n_features": X.shape[1],
        "n_labels": Y.shape[1],
        "hidden_layer_sizes": tuple(adapter.hidden_layer_sizes),
        "dropout": adapter.dropout,
        "head": adapter.head,
        "input_scale": unit_scale(X),
    }
    net = make_net(
        sizes,
        device,
        criterion,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        lr=adapter.max_lr,
        max_epochs=adapter.max_epochs,
        batch_size=adapter.batch_size,
        iterator_train=TensorBatches,
        iterator_train__shuffle=True,
        iterator_train__device=device,
        **{f"iterator_train__{name}": value for name, value in batches.items()},
        callbacks=[("schedule", schedule), *progress, *adapter.callbacks],
    )
    try:
        with seeded(adapter.random_state, device):
            net.fit(dataset)
    except Interrupted:
        raise KeyboardInterrupt from None
    # free what only training needs, or it is pickled with the weights: the optimizer's moments,
    # twice as large, and another copy of the weights in the schedule
    net.optimizer_.state.clear()
    for _, callback in net.callbacks_:
        if isinstance(callback, LRScheduler):
            del callback.lr_scheduler_
    return net
