"""Random numbers that belong to one training run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

from .._typing import RandomState


@contextmanager
def seeded(random_state: RandomState, device: str | torch.device = "cpu") -> Iterator[None]:
    """Seed torch's global generators temporarily, then restore the user's state.

    Weights, dropout, shuffling and noise use these generators. Other devices are left alone:
    this process may be unable to use them.
    """
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    on = torch.device(device)
    gpus = []
    if on.type == "cuda":
        gpus = [torch.cuda.current_device() if on.index is None else on.index]
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield
