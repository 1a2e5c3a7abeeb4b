"""The kernel adapter: what an adapter of unlimited size learns from perturbed texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse
from skorch import NeuralNet
from torch import nn
from torch.nn.functional import normalize

from .adapter import prediction_net
from .perturbation import BasePerturbation

_MIN_TEMPERATURE = 1e-6  # of radius 0: the nearest text alone
_MIN_NORM = 1e-12
_MIN_PROBABILITY = 1e-12
_MAX_PROBABILITY = 1 - 1e-7  # about as near to 1 as float32 comes


class KernelAdapter(nn.Module):
    """Average the labels of the training items, weighted by their similarity.

    Parameters
    ----------
    n_features : int
        Dimension of the embeddings.
    n_labels : int
        Number of labels.
    n_texts : int
        Number of training texts.
    n_images : int, default=0
        Number of training images.
    temperature : float, default=0.01
        Divides the cosine similarities.
    image_share : float, default=0.0
        Weight of what the images say, beside the texts.

    Notes
    -----
    The probability of label k for the unit embedding v is

    .. math:: p_k(v) = \\sum_i a_i(v) \\, y_{ik}, \\qquad
       a(v) = \\mathrm{softmax}_i(v \\cdot t_i / \\tau)

    with unit embeddings t_i of the texts. It is the posterior mean of the labels where
    each item is a text plus Gaussian noise of variance :math:`\\tau` a coordinate, and
    so the least loss that an adapter of any size can reach on such noise (the
    Nadaraya-Watson estimator). Noise of length r in d dimensions has that variance for
    :math:`\\tau = r^2 / d`.

    With images, p is the mean of both, weighted by `image_share`, each over its own
    items. Where the labels of images are unknown, their weight goes to what the texts
    say.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tai.kernel import KernelAdapter
    >>> adapter = KernelAdapter(n_features=2, n_labels=2, n_texts=2, temperature=1.0)
    >>> adapter.keys.copy_(torch.eye(2))
    tensor([[1., 0.],
            [0., 1.]])
    >>> adapter.present.copy_(torch.eye(2))
    tensor([[ True, False],
            [False,  True]])
    >>> adapter(torch.tensor([[2.0, 0.0]])).sigmoid()  # e / (1 + e), 1 / (1 + e)
    tensor([[0.7311, 0.2689]])
    """

    keys: torch.Tensor
    norms: torch.Tensor
    present: torch.Tensor
    unknown: torch.Tensor

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        n_texts: int,
        n_images: int = 0,
        temperature: float = 0.01,
        image_share: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_texts = n_texts
        self.temperature = temperature
        self.image_share = image_share
        n_items = n_texts + n_images
        self.register_buffer("keys", torch.zeros(n_items, n_features))
        # of no use here: a classifier that learns more items needs them
        self.register_buffer("norms", torch.ones(n_items))
        # bytes, as thousands of labels are a quarter the size of their floats then
        self.register_buffer("present", torch.zeros(n_items, n_labels, dtype=torch.bool))
        self.register_buffer("unknown", torch.zeros(n_images, n_labels, dtype=torch.bool))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n_samples, n_labels)."""
        X = normalize(X)
        texts, images = self.keys[: self.n_texts], self.keys[self.n_texts :]
        in_texts, in_images = self.present[: self.n_texts], self.present[self.n_texts :]
        p = self._attention(X, texts) @ in_texts.float() if len(texts) else None
        # images without a say are kept all the same: more items may bring them one
        if len(images) and (p is None or self.image_share > 0):
            attention = self._attention(X, images)
            of_images = attention @ in_images.float()
            unknown = attention @ self.unknown.float()
            if p is None:  # no texts to fall back on: among the images that are known
                p = of_images / (1 - unknown).clamp(min=_MIN_PROBABILITY)
            else:
                of_images = of_images + unknown * p
                p = (1 - self.image_share) * p + self.image_share * of_images
        assert p is not None
        return p.clamp(_MIN_PROBABILITY, _MAX_PROBABILITY).logit()

    def _attention(self, X: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        return (X @ keys.T / self.temperature).softmax(dim=1)


class KernelNet(NeuralNet):
    """A skorch net without weights to train: it only predicts."""

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> KernelNet:
        """There is nothing to optimize, which torch's optimizers refuse."""
        return self


def build_kernel(
    X: np.ndarray,
    Y: np.ndarray | sparse.csr_array,
    perturbation: BasePerturbation,
    norm: float,
    is_image: np.ndarray,
    device: str,
) -> NeuralNet:
    """The net of a :class:`KernelAdapter` for noise as that of the fitted `perturbation`.

    `norm` is the mean one of the embeddings that the perturbation was fitted on: it may have
    moved them since.
    """
    if perturbation.covariance_factor_ is not None:
        raise ValueError(
            "adapter='kernel' knows no covariance of the noise. Set covariance='identity' in the "
            "perturbation, or adapter='network'."
        )
    image_share = perturbation.image_share
    n_texts, n_images = int((~is_image).sum()), int(is_image.sum())
    if image_share is None:
        image_share = n_images / len(X)
    order = np.argsort(is_image, kind="stable")  # texts first
    X, Y = X[order], Y[order]
    norms = np.linalg.norm(X, axis=1)
    radius = perturbation.radius_ / max(norm, _MIN_NORM)
    net = kernel_net(
        {
            "n_features": X.shape[1],
            "n_labels": Y.shape[1],
            "n_texts": n_texts,
            "n_images": n_images,
            "temperature": max(radius**2 / X.shape[1], _MIN_TEMPERATURE),
            "image_share": float(image_share),
        },
        device,
    )
    module = net.module_
    module.keys.copy_(torch.from_numpy(X / np.maximum(norms, _MIN_NORM)[:, None]))
    module.norms.copy_(torch.from_numpy(norms))
    module.present.copy_(torch.from_numpy(_equals(Y, 1)))
    module.unknown.copy_(torch.from_numpy(_equals(Y[n_texts:], -1)))
    return net


def kernel_items(module: KernelAdapter) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings, labels and mask of the images that :func:`build_kernel` was given."""
    embeddings = (module.keys * module.norms[:, None]).cpu().numpy()
    Y = module.present.cpu().numpy().astype(np.float32)
    Y[module.n_texts :][module.unknown.cpu().numpy()] = -1
    return embeddings, Y, np.arange(len(Y)) >= module.n_texts


def kernel_net(sizes: dict[str, Any], device: str) -> NeuralNet:
    """The net of a kernel adapter that is still empty."""
    # attention to thousands of texts at once takes its memory
    return prediction_net(KernelNet, KernelAdapter, sizes, device, batch_size=1024)


def _equals(labels: Any, value: int) -> np.ndarray:
    """Where the labels have a value, dense: booleans take a quarter of the room of floats."""
    equal = labels == value
    return equal.toarray() if sparse.issparse(equal) else equal
