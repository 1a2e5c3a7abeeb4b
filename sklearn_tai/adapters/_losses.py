"""Losses over the known labels, as functions and as modules for skorch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

_EPS = 1e-8


def _known_mean(losses: torch.Tensor, targets: torch.Tensor, times: int = 1) -> torch.Tensor:
    """Mean over the known entries, multiplied by `times`; 0 if none is known.

    With the number of labels as `times`, it is the sum over labels and mean over items if
    all labels are known, and of the same size if few are. The learning rate therefore
    need not depend on the share of known labels.
    """
    known = targets >= 0
    # not a product, which would pass on the NaN of an unknown entry
    return torch.where(known, losses, 0).sum() * times / known.sum().clamp(min=1)


def _cross_entropies(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits, targets.clamp(min=0), reduction="none")


def binary_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of each label on its own.

    Parameters
    ----------
    logits : Tensor of shape (n_items, n_labels)
        Scores before the sigmoid.
    targets : Tensor of shape (n_items, n_labels)
        1 present, 0 absent, -1 unknown: left out.

    Returns
    -------
    Tensor of shape ()
        Mean over the known entries, times n_labels; 0 if none is known.
    """
    return _known_mean(_cross_entropies(logits, targets), targets, targets.shape[1])


def asymmetric_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    gamma_neg: float = 2.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
) -> torch.Tensor:
    """Asymmetric loss (ASL), which gives the many easy negatives little weight [1]_.

    Parameters
    ----------
    logits : Tensor of shape (n_items, n_labels)
        Scores before the sigmoid.
    targets : Tensor of shape (n_items, n_labels)
        1 present, 0 absent, -1 unknown: left out.
    gamma_neg : float, default=2.0
        Focusing parameter of the negatives.
    gamma_pos : float, default=1.0
        Focusing parameter of the positives.
    clip : float, default=0.05
        Probability below which a negative is left out altogether.

    Returns
    -------
    Tensor of shape ()
        Mean over the known entries, times n_labels; 0 if none is known.

    Notes
    -----
    With p the sigmoid of a logit and p_m = max(p - clip, 0), a positive costs
    -(1 - p)^gamma_pos log(p), a negative -p_m^gamma_neg log(1 - p_m).

    References
    ----------
    .. [1] T. Ridnik et al., "Asymmetric Loss For Multi-Label Classification",
       arXiv:2009.14119.
    """
    p = logits.sigmoid()
    shifted = (p - clip).clamp(min=0)
    # keep bases above 0, where powers below 1 have an infinite gradient
    positive = -((1 - p).clamp(min=_EPS) ** gamma_pos) * F.logsigmoid(logits)
    negative = -(shifted.clamp(min=_EPS) ** gamma_neg) * (1 - shifted).clamp(min=_EPS).log()
    losses = torch.where(targets == 1, positive, negative)
    return _known_mean(losses, targets, targets.shape[1])


def ranking_loss(scores: torch.Tensor, targets: torch.Tensor, margin: float = 1.0) -> torch.Tensor:
    """Hinge loss over all pairs of a present and an absent label of an item.

    Parameters
    ----------
    scores : Tensor of shape (n_items, n_labels)
        Scores of the labels.
    targets : Tensor of shape (n_items, n_labels)
        1 present, 0 absent, -1 unknown: in no pair.
    margin : float, default=1.0
        How far a present label must score above an absent one.

    Returns
    -------
    Tensor of shape ()
        Sum over the pairs, mean over the items.

    Notes
    -----
    An item with scores s, present labels P and absent ones N costs the sum of
    max(0, margin - s_i + s_j) over i in P, j in N (TaI-DPT, arXiv:2211.12739).
    """
    # one row for each present label: these are few, which avoids n_labels ** 2 per item
    items, present = (targets == 1).nonzero(as_tuple=True)
    hinge = (margin - scores[items, present][:, None] + scores[items]).clamp(min=0)
    return torch.where(targets[items] == 0, hinge, 0).sum() / len(scores)


class KnownBCEWithLogitsLoss(nn.Module):
    """Binary cross-entropy over the entries that are known (not -1)."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean over the known entries; 0 if there are none."""
        return _known_mean(_cross_entropies(logits, target), target)


class AsymmetricLoss(nn.Module):
    """Asymmetric loss: easy negatives count little."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean over the known entries, times the number of labels."""
        return asymmetric_loss(logits, target)


class RankingLoss(nn.Module):
    """Hinge on every pair of a present and an absent label."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean over the items."""
        return ranking_loss(logits, target)


#: The losses of :class:`~sklearn_tai.TextAsImageClassifier`, by name.
LOSSES: dict[str, type[nn.Module]] = {
    "bce": KnownBCEWithLogitsLoss,
    "asymmetric": AsymmetricLoss,
    "ranking": RankingLoss,
}
