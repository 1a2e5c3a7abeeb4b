"""Batches of embeddings in memory, with new noise each time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from scipy import sparse
from skorch.dataset import Dataset

from ..perturbation import BasePerturbation


class TensorBatches:
    """Batches cut straight from tensors in memory, with new noise each time.

    Replaces torch's ``DataLoader`` (as skorch's ``iterator_train``), which reads row by row
    and is up to ten times slower on small rows.

    Embeddings and labels are moved to `device` once, where batches are cut and noise is
    drawn. A sparse `y` stays sparse; only its batches become dense.

    With `image_share`, an epoch has every text once, and enough images to make up that
    share of it, each drawn about equally often.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        shuffle: bool = False,
        perturbation: BasePerturbation | None = None,
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
        if self.y is None:  # skorch wants a target even for prediction, where it is unused
            return torch.zeros(len(rows))
        if sparse.issparse(self.y):
            return torch.from_numpy(self.y[rows.numpy()].toarray()).to(self.device)
        return self.y[rows.to(self.device)]
