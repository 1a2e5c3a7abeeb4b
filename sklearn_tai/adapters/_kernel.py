"""The kernel adapter: what an adapter of unlimited size learns from perturbed texts."""

from __future__ import annotations

import copy

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.nn.functional import normalize

from .._typing import Arrays, Settings
from ..inputs import check_device
from ..perturbation import BasePerturbation
from ._base import BaseAdapter, PhotoCalibration, TrainingData

_MIN_TEMPERATURE = 1e-6  # of radius 0: the nearest text alone
_MIN_NORM = 1e-12
_MIN_PROBABILITY = 1e-12
_MAX_PROBABILITY = 1 - 1e-7  # about as near to 1 as float32 comes
_LABELS = ("in_texts", "in_images", "unknown")
_BATCH = 1024  # rows at once: attention to thousands of texts takes its memory


class KernelAdapter(BaseAdapter):
    r"""Average the labels of the training items, weighted by their similarity.

    It takes no time to fit and learns more items by ``partial_fit`` of the classifier.

    Parameters
    ----------
    device : str or None, default=None
        Where it runs ("cpu", "cuda"); None for a GPU if there is one.

    Attributes
    ----------
    module_ : torch.nn.Module
        The kernel, with the training items. It divides cosine similarities by its
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
    :math:`\tau` a coordinate, it would be the posterior mean of the labels, which no
    network can better on that noise. Images are not texts plus noise, and embeddings are
    brought to unit length, so here it is an approximation that photos must judge. Noise of
    length r in d dimensions has that variance for :math:`\tau = r^2 / d`. Other noise it
    cannot honour, and says so: noise inside the ball, with a covariance, or of another
    length for images.

    With images, p is the mean of both, weighted by the perturbation's `image_share` (or
    their number, if that is None), each over its own items. Where the labels of images
    are unknown, their weight goes to what the texts say.

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
    # measured on photos (docs/guide/decisions.md): the odds against those among the texts, and
    # a label is on 3.6 % of the photos
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
            If the noise is of a kind that a kernel cannot honour.
        """
        self._validate_params()
        _check_noise(noise)
        device = check_device(self.device)
        order = np.argsort(data.is_image, kind="stable")  # texts first
        X, Y = data.embeddings[order], data.Y[order]
        n_images = int(data.is_image.sum())
        image_share = noise.image_share
        norms = np.linalg.norm(X, axis=1)
        radius = noise.radius_ / max(noise.norm_, _MIN_NORM)
        module = KernelModule(
            n_features=X.shape[1],
            n_labels=Y.shape[1],
            n_texts=len(X) - n_images,
            n_images=n_images,
            temperature=max(radius**2 / X.shape[1], _MIN_TEMPERATURE),
            image_share=n_images / len(X) if image_share is None else float(image_share),
        )
        module.keys.copy_(torch.from_numpy(X / np.maximum(norms, _MIN_NORM)[:, None]))
        module.norms.copy_(torch.from_numpy(norms))
        n_texts = module.n_texts
        module.in_texts = _where(Y[:n_texts], 1)
        module.in_images, module.unknown = _where(Y[n_texts:], 1), _where(Y[n_texts:], -1)
        return self._take(module, device)

    def _take(self, module: KernelModule, device: str) -> KernelAdapter:
        self.module_ = module.to(device)
        self.input_norm_ = float(module.norms.mean())
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        device = self.module_.keys.device
        with torch.inference_mode():
            batches = torch.from_numpy(X).split(_BATCH)
            parts = [self.module_(batch.to(device)).cpu() for batch in batches]
        return torch.cat(parts).numpy()

    def to_module(self) -> nn.Module:
        module = copy.deepcopy(self.module_).cpu().eval()
        for name in _LABELS:  # of which ONNX knows none that are sparse
            setattr(module, name, getattr(module, name).to_dense())
        return module

    def training_data(self) -> TrainingData:
        module = self.module_
        embeddings = (module.keys * module.norms[:, None]).cpu().numpy()
        of_images = module.in_images - module.unknown
        parts = [labels.cpu().to_dense().T for labels in (module.in_texts, of_images)]
        Y = torch.cat(parts).numpy()
        return TrainingData(embeddings, Y, np.arange(len(Y)) >= module.n_texts)

    def get_state(self) -> tuple[Settings, Arrays]:
        arrays = {k: v.cpu().numpy() for k, v in self.module_.state_dict().items()}
        for name in _LABELS:  # places of the ones; unknown is -1 only in what users pass
            arrays[name] = getattr(self.module_, name).cpu().indices().int().numpy()
        return self.module_.sizes, arrays

    def set_state(self, settings: Settings, arrays: Arrays) -> KernelAdapter:
        arrays = {k: np.array(v) for k, v in arrays.items()}
        n_items = settings["n_texts"] + settings["n_images"]
        # before memory is taken for so many
        if arrays["keys"].shape != (n_items, settings["n_features"]) or not n_items:
            raise ValueError(f"{settings} does not fit keys of shape {arrays['keys'].shape}")
        if settings["n_texts"] < 0 or settings["n_images"] < 0:
            raise ValueError(f"there cannot be {settings} items")
        if not (settings["temperature"] > 0 and 0 <= settings["image_share"] <= 1):
            raise ValueError(f"{settings} is no temperature above 0 and share from 0 to 1")
        module = KernelModule(**settings)
        for name in _LABELS:
            shape = getattr(module, name).shape
            places = _ones(arrays.pop(name), (shape[0], shape[1]))
            if (places.values() > 1).any():
                raise ValueError(f"{name} gives an item a label twice")
            setattr(module, name, places)
        module.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
        return self._take(module, check_device(self.device, or_cpu=True))


class KernelModule(nn.Module):
    """The kernel of :class:`KernelAdapter`, still without items.

    Parameters
    ----------
    n_features, n_labels, n_texts, n_images : int
        Sizes.
    temperature : float
        Divides the cosine similarities.
    image_share : float
        Weight of what the images say, beside the texts.
    """

    keys: torch.Tensor
    norms: torch.Tensor
    in_texts: torch.Tensor
    in_images: torch.Tensor
    unknown: torch.Tensor

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        n_texts: int,
        n_images: int,
        temperature: float,
        image_share: float,
    ) -> None:
        super().__init__()
        self.sizes = {
            "n_features": n_features,
            "n_labels": n_labels,
            "n_texts": n_texts,
            "n_images": n_images,
            "temperature": temperature,
            "image_share": image_share,
        }
        self.n_texts = n_texts
        self.temperature = temperature
        self.image_share = image_share
        n_items = n_texts + n_images
        self.register_buffer("keys", torch.zeros(n_items, n_features))
        # of no use here: a classifier that learns more items needs them
        self.register_buffer("norms", torch.ones(n_items))
        # which labels items have, sparse: of thousands, a text names a few
        for name, n in zip(_LABELS, (n_texts, n_images, n_images)):
            none = _ones(np.empty((2, 0), int), (n_labels, n))
            self.register_buffer(name, none, persistent=False)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n_samples, n_labels)."""
        X = normalize(X)
        texts, images = self.keys[: self.n_texts], self.keys[self.n_texts :]
        p = _shares(self._attention(X, texts), self.in_texts) if len(texts) else None
        # images without a say are kept all the same: more items may bring them one
        if len(images) and (p is None or self.image_share > 0):
            attention = self._attention(X, images)
            of_images = _shares(attention, self.in_images)
            unknown = _shares(attention, self.unknown)
            if p is None:  # no texts to fall back on: among the images that are known
                p = of_images / (1 - unknown).clamp(min=_MIN_PROBABILITY)
            else:
                of_images = of_images + unknown * p
                p = (1 - self.image_share) * p + self.image_share * of_images
        assert p is not None
        return p.clamp(_MIN_PROBABILITY, _MAX_PROBABILITY).logit()

    def _attention(self, X: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        return (X @ keys.T / self.temperature).softmax(dim=1)


def _check_noise(noise: BasePerturbation) -> None:
    """Refuse what a kernel would have to ignore."""
    name = type(noise).__name__
    remedy = "Leave it at its default, or take an MLPAdapter."
    if noise.covariance_factor_ is not None:
        raise ValueError(f"A KernelAdapter knows no covariance of the noise of {name}. {remedy}")
    if not noise.surface:
        raise ValueError(f"A KernelAdapter knows no noise inside the ball ({name}). {remedy}")
    if noise.image_radius != "auto":
        raise ValueError(
            f"A KernelAdapter has no noise on images, but image_radius={noise.image_radius!r} is "
            f"set in {name}. {remedy}"
        )


def _where(labels: np.ndarray | sparse.csr_array, value: int) -> torch.Tensor:
    """Ones at (label, item) where an item's label has that value, sparse."""
    found = sparse.coo_array(labels == value)
    return _ones(np.stack([found.col, found.row]), (labels.shape[1], labels.shape[0]))


def _ones(places: np.ndarray, shape: tuple[int, int]) -> torch.Tensor:
    values = torch.ones(places.shape[1])
    indices = torch.from_numpy(places).long()
    return torch.sparse_coo_tensor(indices, values, shape, check_invariants=True).coalesce()


def _shares(attention: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Sums of the attention (n, n_items) over the items of each label (n_labels, n_items)."""
    return (labels @ attention.T).T
