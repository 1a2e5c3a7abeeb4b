"""Random vectors of a given length, drawn where the embeddings are."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize


def sphere_noise(
    like: torch.Tensor,
    radius: float | torch.Tensor,
    surface: bool,
    generator: torch.Generator | None = None,
    factor: torch.Tensor | None = None,
) -> torch.Tensor:
    """Uniform draws on the sphere of `radius` (or in the ball), one for each row of `like`.

    A Gaussian vector has a uniform direction; in the ball of dimension d the length
    is ``radius * u ** (1 / d)`` with u uniform in [0, 1]. `radius` is one number or a
    column of shape (n_samples, 1). With the `factor` L of a covariance L @ L.T, directions
    are those of a Gaussian of that covariance.
    """
    noise = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
    if factor is not None:
        noise = noise[:, : factor.shape[1]] @ factor.T
    noise = normalize(noise, dim=1).mul_(radius)
    if not surface:
        u = torch.rand((len(like), 1), generator=generator, device=like.device, dtype=like.dtype)
        noise.mul_(u.pow_(1 / like.shape[1]))
    return noise
