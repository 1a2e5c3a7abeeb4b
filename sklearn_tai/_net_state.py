"""A trained skorch net as plain arrays, and back: what pickles and saved folders hold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.history import History

from .adapter import Adapter, AdapterNet, check_device, prediction_net
from .kernel import kernel_net

_NETWORK = ("n_features", "n_labels", "hidden_sizes", "dropout", "head", "input_scale")
_KERNEL = ("n_features", "n_labels", "n_texts", "n_images", "temperature", "image_share")


def net_to_state(net: NeuralNet) -> dict[str, Any]:
    """Weights, sizes and history: no code, and nothing that only training needs."""
    is_network = net.module is Adapter
    module = {
        name: getattr(net, f"module__{name}") for name in (_NETWORK if is_network else _KERNEL)
    }
    if is_network:
        module["hidden_sizes"] = list(module["hidden_sizes"])
    return {
        "adapter": "network" if is_network else "kernel",
        "module": module,
        "weights": {k: v.detach().cpu().numpy() for k, v in net.module_.state_dict().items()},
        # in skorch's own file format, which knows its numbers' types
        "history": json.dumps(net.history.to_list(), default=float),
    }


def net_from_state(state: dict[str, Any], device: str) -> NeuralNet:
    """A net that predicts as the one before; to train on, fit the classifier anew."""
    if state["adapter"] == "kernel":
        net = kernel_net(state["module"], device)
    else:
        with torch.random.fork_rng():  # the first weights are drawn, then replaced
            net = prediction_net(AdapterNet, Adapter, state["module"], device)
    weights = {k: torch.from_numpy(np.array(v)) for k, v in state["weights"].items()}
    net.module_.load_state_dict(weights)
    net.history = History(json.loads(state["history"]))
    return net


class PickledNetMixin:
    """Pickles the fitted ``net_`` as plain arrays."""

    device: Any

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        if "net_" in state:
            state["net_"] = net_to_state(state["net_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        if "net_" in state:
            try:
                device = check_device(self.device)
            except ValueError:  # trained on a GPU that is not here
                device = "cpu"
            self.net_ = net_from_state(state["net_"], device)
