"""The kernel adapter: what an adapter of unlimited size would learn from perturbed texts."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.extmath import row_norms
from torch import nn
from torch.nn.functional import normalize

from .._typing import Arrays, Settings
from ..inputs import check_device
from ..perturbation import BasePerturbation
from ._base import BaseAdapter, PhotoCalibration, TrainingData
from ._images import fit_images

_MIN_TEMPERATURE = 1e-6  # for radius 0: only the nearest text counts
_MIN_NORM = 1e-12
_MIN_PROBABILITY = 1e-12
_MAX_PROBABILITY = 1 - 1e-7  # about as close to 1 as float32 allows
_BATCH = 256  # rows at once, so that attention to thousands of texts fits into the CPU's caches


class KernelAdapter(BaseAdapter):
    r"""Average the labels of the texts, weighted by similarity; labelled images correct it.

    It needs no training, and the classifier's ``partial_fit`` adds more items.

    Parameters
    ----------
    device : str or None, default=None
        Where it runs ("cpu", "cuda"); None for a GPU if there is one.

    Attributes
    ----------
    module_ : torch.nn.Module
        The kernel with the training items. Cosine similarities are divided by its
        `temperature`.
    input_norm_ : float
        Mean norm of the embeddings it was fitted on.

    See Also
    --------
    MLPAdapter : A trained network, as the paper has it.

    Notes
    -----
    The probability of label k for the unit embedding v is

    .. math:: p_k(v) = \sum_i a_i(v) \, y_{ik}, \qquad
       a(v) = \mathrm{softmax}_i(v \cdot t_i / \tau)

    with unit embeddings t_i of the texts: softmax attention over the texts, the
    Nadaraya-Watson estimator. If each item were a text plus Gaussian noise of variance
    :math:`\tau` per coordinate, this would be the posterior mean of the labels, and no
    network could do better on that noise. Images are not texts plus noise, and embeddings are
    scaled to unit length, so it is an approximation that photos must judge. Noise of
    length r in d dimensions has that variance for :math:`\tau = r^2 / d`. Other noise is
    refused: inside the sphere, with a covariance, or of another length for images.

    Labelled images add log odds of their own to the logits :math:`s_k` of the texts:

    .. math:: \beta \left( s_k(v) + \gamma \, w_k \cdot (v - \bar v) \right) + o_k

    with :math:`\bar v` the mean of the n images. The weights come from ridge regression on
    :math:`(y - \pi_k) / (\pi_k (1 - \pi_k))`, with :math:`\pi_k` the label's share among the
    images: a Newton step of logistic regression, or a Gaussian process. Their prior variance
    is chosen so that an image's log odds have a variance of 4 n / (n + 20). Unknown labels have
    no influence. So few images change little, and a label that no image shows is left to the
    texts. The trust :math:`\gamma`, between 0 and 1, comes from a logistic regression on what
    the other images say about each image (leave-one-out). The factor :math:`\beta` and the
    offsets :math:`o_k`, which are shrunk if a label has few positives, bring the sum to the
    scale of the texts. Both are calibrated on the images as in
    :class:`~sklearn_tai.MultiLabelCalibratedClassifier`. Without texts,
    :math:`\operatorname{logit} \pi_k` replaces :math:`s_k`. A perturbation with an
    `image_share` of 0 ignores images.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai import KernelAdapter, RandomPerturbation
    >>> from sklearn_tai.adapters import TrainingData
    >>> texts, Y = np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)
    >>> noise = RandomPerturbation(radius=2**0.5).fit(texts)  # r^2 / d = 1
    >>> adapter = KernelAdapter().fit(TrainingData(texts, Y, np.array([False, False])), noise)
    >>> adapter.predict_proba(np.float32([[2, 0]])).round(4)  # e / (1 + e), 1 / (1 + e)
    array([[0.7311, 0.2689]], dtype=float32)
    """

    learns_more = True
    # measured on photos (docs/evidence/decisions.md): odds relative to those among the texts, and
    # a label on 3.6 % of the photos
    calibration = PhotoCalibration(1.5, -1.5, -3.3)
    _parameter_constraints = {"device": [str, None]}

    def __init__(self, *, device: str | None = None) -> None:
        self.device = device

    def fit(self, data: TrainingData, noise: BasePerturbation) -> KernelAdapter:
        """Keep the items, and take the temperature from the length of the noise.

        Parameters
        ----------
        data : TrainingData
            Embeddings with their labels.
        noise : BasePerturbation
            The fitted perturbation.

        Returns
        -------
        KernelAdapter
            The fitted adapter.

        Raises
        ------
        ValueError
            If the noise is of a kind that a kernel cannot use.
        """
        self._validate_params()
        _check_noise(noise, bool(data.is_image.any()))
        device = check_device(self.device)
        order = np.argsort(data.is_image, kind="stable")  # texts first
        keys, labels = data.embeddings[order], sparse.csr_array(data.Y, dtype=np.float32)[order]
        labels.eliminate_zeros()
        n_images = int(data.is_image.sum())
        n_texts = len(keys) - n_images
        norms = row_norms(keys)
        keys /= np.maximum(norms, _MIN_NORM)[:, None]
        radius = noise.radius_ / max(noise.norm_, _MIN_NORM)
        module = KernelModule(
            n_features=keys.shape[1],
            n_labels=labels.shape[1],
            n_texts=n_texts,
            n_images=n_images,
            temperature=max(radius**2 / keys.shape[1], _MIN_TEMPERATURE),
        )
        module.keys, module.norms = torch.from_numpy(keys), torch.from_numpy(norms)
        module.set_labels(labels)
        module = module.to(device)
        if n_images and (noise.image_share is None or not n_texts):
            images, known = keys[n_texts:], labels[n_texts:].toarray()
            of_texts = _logits(module, images).astype(float) if n_texts else None
            factor, weights, bias = fit_images(images.astype(float), known, of_texts)
            module.factor.fill_(factor)
            module.weights.copy_(torch.from_numpy(weights))
            module.bias.copy_(torch.from_numpy(bias))
        return self._take(module)

    def _take(self, module: KernelModule) -> KernelAdapter:
        self.module_ = module
        self.input_norm_ = float(module.norms.mean())
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return _logits(self.module_, X)

    def to_module(self) -> nn.Module:
        module = copy.deepcopy(self.module_).cpu().eval()
        module.of_texts = torch.from_numpy(module.of_texts.toarray())  # ONNX has no sparse tensors
        return module

    def training_data(self) -> TrainingData:
        module = self.module_
        embeddings = (module.keys * module.norms[:, None]).cpu().numpy()
        is_image = np.arange(len(embeddings)) >= module.n_texts
        return TrainingData(embeddings, module.labels, is_image)

    def get_state(self) -> tuple[Settings, Arrays]:
        arrays = {k: v.cpu().numpy() for k, v in self.module_.state_dict().items()}
        labels = self.module_.labels.tocoo()
        arrays["label_places"] = np.stack([labels.row, labels.col]).astype(np.int32)
        arrays["label_values"] = labels.data.astype(np.int8)
        return self.module_.sizes, arrays

    def set_state(self, settings: Settings, arrays: Arrays) -> KernelAdapter:
        arrays = {k: np.array(v) for k, v in arrays.items()}
        n_texts, n_items = settings["n_texts"], settings["n_texts"] + settings["n_images"]
        # check before allocating memory for them
        if arrays["keys"].shape != (n_items, settings["n_features"]) or not n_items:
            raise ValueError(f"{settings} does not fit keys of shape {arrays['keys'].shape}")
        if n_texts < 0 or settings["n_images"] < 0:
            raise ValueError(f"there cannot be {settings} items")
        if not settings["temperature"] > 0:
            raise ValueError(f"{settings} is not a temperature above 0")
        places, values = arrays.pop("label_places"), arrays.pop("label_values")
        shape = (n_items, settings["n_labels"])
        labels = sparse.coo_array((values.astype(np.float32), tuple(places)), shape).tocsr()
        if not np.isin(labels.data, (1, -1)).all() or len(labels.data) < len(values):
            raise ValueError("a label is given twice, or is neither present nor unknown")
        if (labels[:n_texts].data < 0).any():
            raise ValueError("labels of texts cannot be unknown")
        module = KernelModule(**settings)
        module.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
        module.set_labels(labels)
        return self._take(module.to(check_device(self.device, or_cpu=True)))


class KernelModule(nn.Module):
    """The kernel of :class:`KernelAdapter`, not yet filled with items.

    Parameters
    ----------
    n_features, n_labels, n_texts, n_images : int
        Sizes.
    temperature : float
        Divides the cosine similarities.
    """

    keys: torch.Tensor
    norms: torch.Tensor
    labels: sparse.csr_array
    of_texts: Any
    factor: torch.Tensor
    weights: torch.Tensor
    bias: torch.Tensor

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        n_texts: int,
        n_images: int,
        temperature: float,
    ) -> None:
        super().__init__()
        self.sizes = {
            "n_features": n_features,
            "n_labels": n_labels,
            "n_texts": n_texts,
            "n_images": n_images,
            "temperature": temperature,
        }
        self.n_texts, self.n_images = n_texts, n_images
        self.temperature = temperature
        n_items = n_texts + n_images
        self.register_buffer("keys", torch.zeros(n_items, n_features))
        # unused here; a classifier that learns more items needs them
        self.register_buffer("norms", torch.ones(n_items))
        if n_images:  # their correction of the logits
            self.register_buffer("factor", torch.ones(()))
            self.register_buffer("weights", torch.zeros(n_features, n_labels))
            self.register_buffer("bias", torch.zeros(n_labels))

    def set_labels(self, labels: sparse.csr_array) -> None:
        """Set the labels of the items; sparse, as a text has only a few of thousands of labels."""
        self.labels = labels
        self.of_texts = labels[: self.n_texts].T.tocsr()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n_samples, n_labels)."""
        X = normalize(X)
        logits = X.new_zeros(())
        if self.n_texts:
            attention = (X / self.temperature @ self.keys[: self.n_texts].T).softmax(dim=1)
            p = self._mean_labels(attention).clamp(_MIN_PROBABILITY, _MAX_PROBABILITY)
            logits = p.logit()
        if self.n_images:
            logits = self.factor * logits + X @ self.weights + self.bias
        return logits

    def _mean_labels(self, attention: torch.Tensor) -> torch.Tensor:
        if isinstance(self.of_texts, torch.Tensor):
            return attention @ self.of_texts.T
        # SciPy's sparse product is up to 200 times as fast as torch's
        means = self.of_texts @ attention.cpu().numpy().T
        return torch.from_numpy(means.T).to(attention.device)


def _logits(module: KernelModule, X: np.ndarray) -> np.ndarray:
    device = module.keys.device
    with torch.inference_mode():
        batches = torch.from_numpy(X).split(_BATCH)
        return torch.cat([module(batch.to(device)).cpu() for batch in batches]).numpy()


def _check_noise(noise: BasePerturbation, has_images: bool) -> None:
    """Refuse settings that a kernel would have to ignore."""
    name = type(noise).__name__
    remedy = "Leave it at its default, or take an MLPAdapter."
    if noise.covariance_factor_ is not None:
        raise ValueError(
            f"A KernelAdapter cannot use the covariance of the noise of {name}. {remedy}"
        )
    if not noise.surface:
        raise ValueError(f"A KernelAdapter has no noise inside the sphere ({name}). {remedy}")
    if noise.image_radius != "auto":
        raise ValueError(
            f"A KernelAdapter has no noise on images, but image_radius={noise.image_radius!r} is "
            f"set in {name}. {remedy}"
        )
    if has_images and noise.image_share not in (None, 0):
        raise ValueError(
            f"A KernelAdapter finds out how much images count and cannot use image_share="
            f"{noise.image_share!r} of {name}. Set it to None, or take an MLPAdapter."
        )
