"""Training shared by the classifiers that learn prompts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn
from tqdm.auto import tqdm

from .._sklearn_compat import Interval, StrOptions, fit_context
from .._typing import Constraints, Items, Labels
from ..adapters import seeded
from ..base import MultiLabelClassifierMixin
from ..encoders import OpenCLIPEncoder
from ..inputs import (
    as_embeddings,
    check_indicator,
    check_items,
    check_labels,
    column_names,
    item_chunks,
)
from ._local import ItemFeatures, TextTower, encode_items
from ._prompts import PromptLearner

_CHUNK = 1024  # items scored at once, with their parts in memory
M = TypeVar("M", bound=nn.Module)
_WARMUP_LR = 1e-5  # in the first epoch, as in CoOp


def _learning_rate(epoch: int, max_epochs: int, max_lr: float) -> float:
    """Half a cosine from `max_lr` towards 0, after a warm-up epoch."""
    if epoch == 0 and max_epochs > 1:
        return min(_WARMUP_LR, max_lr)
    return max_lr * (1 + math.cos(math.pi * epoch / max_epochs)) / 2


class PromptClassifier(MultiLabelClassifierMixin, BaseEstimator):
    """Base of the classifiers that learn prompts; not for use by itself."""

    _parameter_constraints: Constraints = {
        "labels": ["array-like"],
        "encoder": [OpenCLIPEncoder, None],
        "n_context": [Interval(Integral, 1, None, closed="left")],
        "context_init": [str, None],
        "class_specific": ["boolean"],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions({"sgd", "adamw"})],
        "max_lr": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _parts(self) -> dict[str, bool]:
        """Whether to use the regions of images and the tokens of texts."""
        return {"regions": False, "tokens": False}

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Items, y: Labels) -> PromptClassifier:
        """Learn the context vectors.

        Parameters
        ----------
        X : list of n_items images or texts, or array-like of shape (n_items, n_features)
            Training items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            1 where an item has the label, 0 where it has not, and for images -1 where
            that is unknown. Columns are in the order of `labels`.

        Returns
        -------
        classifier
            The fitted classifier.
        """
        self._learn(*self._training_data(X, y))
        return self

    def _learn(self, tower: TextTower, features: ItemFeatures, Y: torch.Tensor) -> None:
        """Learn from checked items, for :meth:`fit`."""
        raise NotImplementedError

    def _training_data(self, X: Items, y: Labels) -> tuple[TextTower, ItemFeatures, torch.Tensor]:
        """The text tower, features of the items, and labels, all checked."""
        names = check_labels(self.labels)
        given = as_embeddings(X)
        if given is None:
            X, is_image = check_items(X)
        else:
            given = validate_data(self, given, dtype=np.float32)
            # embeddings may be of images, so labels may be unknown
            is_image = np.ones(len(given), dtype=bool)
        Y = torch.from_numpy(self._check_y(y, len(is_image), names, is_image))
        self.encoder_ = self._clone_encoder()
        tower = TextTower(self.encoder_)
        if given is None:
            features = encode_items(self.encoder_, X, is_image, **self._parts())
            read = ~features.whole.isnan().any(dim=1)
            if not read.all():
                features, Y = features[read], Y[read]
            self.n_features_in_ = features.whole.shape[1]
        else:
            features = ItemFeatures.of_embeddings(given)
        if features.whole.shape[1] != tower.n_features:
            raise ValueError(
                f"X has embeddings of dimension {features.whole.shape[1]}, but prompts go through "
                f"the text tower of encoder, whose embeddings have {tower.n_features}. Set "
                "encoder to the one that made X."
            )
        self.classes_ = np.array(names)
        return tower, features, Y

    def _check_y(
        self, y: Labels, n_items: int, names: list[str], may_be_unknown: np.ndarray
    ) -> np.ndarray:
        Y, columns = check_indicator(y, n_items, may_be_unknown=may_be_unknown)
        if Y.shape[1] != len(names) or (column_names(y) is not None and list(columns) != names):
            raise ValueError(
                f"y has the columns {list(map(str, columns))[:10]} ({Y.shape[1]} in all), but "
                f"labels names {names[:10]} ({len(names)} in all). Give one column for each "
                "label, in their order."
            )
        if not ((Y == 1).any() and (Y == 0).any()):
            raise ValueError(
                "y has no 1 or no 0 at all, so there is nothing to learn. Add items that have "
                "labels and items that lack them."
            )
        return Y

    def _train(
        self,
        make: Callable[[], M],
        loss: Callable[[M, ItemFeatures, torch.Tensor], torch.Tensor],
        features: ItemFeatures,
        Y: torch.Tensor,
    ) -> M:
        """Make a module and train it, with random numbers from `random_state`."""
        self.loss_curve_ = []
        # drawn on the CPU, so that the seed gives the same numbers on any device
        with seeded(self.random_state):
            module = make()
            device = next(module.parameters()).device
            # no weight decay for scales and intercepts
            groups = [
                {"params": p, "weight_decay": self.weight_decay if "context" in name else 0}
                for name, p in module.named_parameters()
                if p.requires_grad
            ]
            optimizer: torch.optim.Optimizer = (
                torch.optim.SGD(groups, self.max_lr, self.momentum)
                if self.optimizer == "sgd"
                else torch.optim.AdamW(groups, self.max_lr)
            )
            epochs = range(self.max_epochs)
            bar = tqdm(epochs, "Training prompts", unit="epoch", disable=not self.verbose)
            for epoch in bar:
                for group in optimizer.param_groups:
                    group["lr"] = _learning_rate(epoch, self.max_epochs, self.max_lr)
                total = 0.0
                for rows in torch.randperm(len(Y)).split(self.batch_size):
                    value = loss(module, features[rows].to(device), Y[rows].to(device))
                    optimizer.zero_grad()
                    value.backward()
                    optimizer.step()
                    total += value.item() * len(rows)
                if not math.isfinite(total):
                    raise ValueError(
                        f"The loss is {total} in epoch {epoch + 1}: the training diverged. Lower "
                        f"max_lr, which is {self.max_lr}."
                    )
                self.loss_curve_.append(total / len(Y))
                bar.set_postfix(loss=f"{self.loss_curve_[-1]:.4f}", refresh=False)
        return module

    def _prompts(self, tower: TextTower, inits: Sequence[str | None]) -> PromptLearner:
        names = [str(name) for name in self.classes_]
        return PromptLearner(tower, names, inits, self.n_context, self.class_specific)

    def _learned(self, prompts: PromptLearner) -> tuple[np.ndarray, np.ndarray]:
        """Context vectors and unit embeddings of the labels, for each set of prompts."""
        with torch.no_grad():
            context = prompts.context if self.class_specific else prompts.context[:, 0]
            return context.cpu().numpy().copy(), prompts().cpu().numpy()

    def _score(self, features: ItemFeatures) -> torch.Tensor:
        """Scores of the labels, from features on the CPU."""
        raise NotImplementedError

    def decision_function(self, X: Items) -> np.ndarray:
        """Scores of the labels.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Scores; NaN for images that could not be read, if the encoder lets these pass.
        """
        check_is_fitted(self)
        given, parts = as_embeddings(X), self._parts()
        if given is not None:
            given = validate_data(self, given, reset=False, dtype=np.float32)
        elif not any(parts.values()):
            given = self.encoder_.transform(X)  # possibly from its cache
        if given is not None:
            return self._score(ItemFeatures.of_embeddings(given)).numpy()
        scores = []
        for start, items, is_image in item_chunks(X, _CHUNK):
            for k in range(0, len(items), _CHUNK):
                chunk, kinds = items[k : k + _CHUNK], is_image[k : k + _CHUNK]
                features = encode_items(self.encoder_, chunk, kinds, **parts, start=start + k)
                scores.append(self._score(features).numpy())
        return np.concatenate(scores)

    def predict_proba(self, X: Items) -> np.ndarray:
        """Probabilities of the labels, each by itself (rows do not sum to 1).

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Probabilities.
        """
        return torch.from_numpy(self.decision_function(X)).sigmoid().numpy()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags
