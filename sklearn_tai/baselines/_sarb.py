"""Blend label-specific representations across images, for partial labels (SARB)."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from .._sklearn_compat import Interval, fit_context
from .._typing import Encoder, Items, Labels, RandomState
from ..adapters import KnownBCEWithLogitsLoss, seeded, unit_scale
from ..inputs import as_embeddings, check_device, check_indicator, check_items
from ._head import HeadClassifier


class LabelHeads(nn.Module):
    """A representation of an image for each label, and a linear score for each.

    f_k = tanh(U x * v_k), s_k = w_k . f_k + b_k: low-rank bilinear pooling of the
    embedding x with a vector of the label, as in SSGRL, on which SARB builds.
    """

    def __init__(self, n_features: int, n_labels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(n_features, width)
        self.labels = nn.Parameter(torch.randn(n_labels, width))
        self.weight = nn.Parameter(torch.randn(n_labels, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(n_labels))

    def represent(self, X: torch.Tensor) -> torch.Tensor:
        """Shape (n_items, n_labels, width)."""
        return torch.tanh(self.project(X)[:, None, :] * self.labels)

    def score(self, f: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n_items, n_labels)."""
        return (f * self.weight).sum(dim=2) + self.bias

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of embeddings."""
        return self.score(self.represent(X))


def blend_instances(
    f: torch.Tensor,
    targets: torch.Tensor,
    share: float,
    partner: torch.Tensor,
    eligible: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blend other images' representations into unknown labels (instance level).

    If label k of image n is `eligible` (unknown, and drawn) and present in its partner m,
    the representation becomes share * f_k(n) + (1 - share) * f_k(m), with the soft target
    1 - share. Other entries stay.
    """
    take = eligible & (targets[partner] == 1)
    mixed = torch.where(take[:, :, None], share * f + (1 - share) * f[partner], f)
    return mixed, torch.where(take, 1 - share, targets)


def blend_prototypes(
    f: torch.Tensor,
    targets: torch.Tensor,
    share: float,
    prototypes: torch.Tensor,
    eligible: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same, with a label's mean representation instead of another image's.

    Labels without a prototype (NaN: no image shows them) stay.
    """
    take = eligible & ~prototypes.isnan().any(dim=1)
    mixed = torch.where(take[:, :, None], share * f + (1 - share) * prototypes.nan_to_num(), f)
    return mixed, torch.where(take, 1 - share, targets)


class SARBClassifier(HeadClassifier):
    """Learn from partly labelled images by blending them with each other [1]_.

    Where a label of an image is unknown, the representation of another image that shows
    it (or the mean of such images) is blended in, and the blend counts as showing it.

    Parameters
    ----------
    encoder : estimator or None, default=None
        Turns images into embeddings; None for
        :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`.
    width : int, default=256
        Dimension of a label's representation.
    share : float, default=0.5
        Share of its own representation that an image keeps in a blend; in the paper it is
        learned, starting from the same value.
    blend_share : float, default=0.5
        The share of unknown entries of a batch that are blended, half with other images,
        half with prototypes.
    max_epochs : int, default=60
        Passes over the images.
    batch_size : int, default=64
        Images in one batch.
    max_lr : float, default=1e-3
        Peak of the 1-cycle learning rate (AdamW).
    threshold : float, default=0.5
        ``predict`` assigns a label if its probability is above this.
    device : str or None, default=None
        Where the heads are trained; None for a GPU if there is one.
    random_state : int, RandomState instance or None, default=None
        Fixes initial weights, batches and blends.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels: the columns of `y` if it was a data frame, else 0, 1, ...
    n_features_in_ : int
        Dimension of the embeddings.
    module_ : LabelHeads
        The trained network.
    input_scale_ : float
        Factor that scales the input embeddings to unit variance.
    encoder_ : estimator
        The encoder used.

    See Also
    --------
    TextAsImageClassifier : With ShiftedPerturbation, for the same setting.

    Notes
    -----
    In the paper label-specific representations are pooled from a feature map by
    attention, in a backbone that is trained with them, and a graph network relates the
    labels. Here features are frozen and global, so there is no attention over positions,
    no graph, and the share of the blend is fixed. Its Eqs. 4-5 (instances) and 7-8
    (prototypes) are kept. Prototypes are means over all images of the previous epoch,
    where the paper uses clusters.

    References
    ----------
    .. [1] T. Pu et al., "Semantic-Aware Representation Blending for Multi-Label Image
       Recognition with Partial Labels", AAAI 2022, arXiv:2203.02172.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tai.baselines import SARBClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(40, 8)), rng.integers(-1, 2, size=(40, 3))
    >>> SARBClassifier(width=8, random_state=0).fit(X, Y).predict_proba(X[:2]).shape
    (2, 3)
    """

    _parameter_constraints = {
        **HeadClassifier._parameter_constraints,
        "width": [Interval(Integral, 1, None, closed="left")],
        "share": [Interval(Real, 0, 1, closed="both")],
        "blend_share": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        encoder: Encoder | None = None,
        width: int = 256,
        *,
        share: float = 0.5,
        blend_share: float = 0.5,
        max_epochs: int = 60,
        batch_size: int = 64,
        max_lr: float = 1e-3,
        threshold: float = 0.5,
        device: str | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.encoder = encoder
        self.width = width
        self.share = share
        self.blend_share = blend_share
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.max_lr = max_lr
        self.threshold = threshold
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Items, y: Labels) -> SARBClassifier:
        """Train on images.

        Parameters
        ----------
        X : list of n_items images, or array-like of shape (n_items, n_features)
            Training images, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            1 if an image shows the label, 0 if not, -1 if unknown.

        Returns
        -------
        SARBClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `y` is not an indicator with as many rows as `X`, or has no 1 at all.
        """
        device = check_device(self.device)
        if as_embeddings(X) is None:
            X = check_items(X)[0]
        self.encoder_ = self._clone_encoder()
        embeddings = self._embed(X, reset=True)
        n_items = len(embeddings)
        Y, self.classes_ = check_indicator(y, n_items, np.ones(n_items, bool))
        if not (Y == 1).any():
            raise ValueError(
                "y has no 1 at all, so there is nothing to learn. Add items that have labels."
            )
        self.input_scale_ = unit_scale(embeddings)
        with seeded(self.random_state, device):
            self.module_ = LabelHeads(embeddings.shape[1], Y.shape[1], self.width).to(device)
            self._train(
                torch.from_numpy(embeddings * self.input_scale_).to(device),
                torch.from_numpy(Y).to(device),
            )
        self.module_.eval().requires_grad_(False).cpu()
        return self

    def _train(self, X: torch.Tensor, Y: torch.Tensor) -> None:
        module, loss = self.module_, KnownBCEWithLogitsLoss()
        optimizer = torch.optim.AdamW(module.parameters(), lr=self.max_lr)
        n_batches = -(-len(X) // self.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.max_lr, total_steps=self.max_epochs * n_batches
        )
        bar = tqdm(total=self.max_epochs, desc="SARB", unit="epoch", disable=not self.verbose)
        with bar:
            for _ in range(self.max_epochs):
                prototypes = self._prototypes(X, Y)
                for rows in torch.randperm(len(X), device=X.device).split(self.batch_size):
                    f, own = module.represent(X[rows]), Y[rows]
                    f, own = self._blend(f, own, prototypes)
                    optimizer.zero_grad()
                    loss(module.score(f), own).backward()
                    optimizer.step()
                    schedule.step()
                bar.update()

    @torch.no_grad()
    def _prototypes(self, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        """Mean representation of each label over the images that show it; NaN if none does."""
        total = torch.zeros(Y.shape[1], self.width, device=X.device)
        for rows in torch.arange(len(X), device=X.device).split(self.batch_size):
            shown = (Y[rows] == 1).float()
            total += (self.module_.represent(X[rows]) * shown[:, :, None]).sum(dim=0)
        return total / (Y == 1).sum(dim=0)[:, None]  # NaN for 0 / 0

    def _blend(
        self, f: torch.Tensor, targets: torch.Tensor, prototypes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Blend unknown entries at random: some with other images, some with prototypes."""
        unknown, draw = targets < 0, torch.rand(targets.shape, device=targets.device)
        by_instance = unknown & (draw < self.blend_share / 2)
        by_prototype = unknown & ~by_instance & (draw < self.blend_share)
        partner = torch.randperm(len(f), device=f.device)
        f, targets = blend_instances(f, targets, self.share, partner, by_instance)
        return blend_prototypes(f, targets, self.share, prototypes, by_prototype)

    def _logits(self, embeddings: np.ndarray) -> np.ndarray:
        scaled = torch.from_numpy(embeddings * self.input_scale_)
        with torch.inference_mode():
            parts = [self.module_(part) for part in scaled.split(self.batch_size)]
        return torch.cat(parts).numpy()
