"""Random vectors of a given length, drawn on the device of the embeddings."""

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
    """Vectors of length `radius` (or uniform up to it), one for each row of `like`.

    Gaussian vectors are drawn first, as their direction is uniform. `radius` is one number or a
    column of shape (n_samples, 1). With the `factor` L of a covariance L @ L.T, directions are
    those of a Gaussian with that covariance.
    """
    noise = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
    if factor is not None:
        noise = noise[:, : factor.shape[1]] @ factor.T
    noise = normalize(noise, dim=1).mul_(radius)
    if not surface:
        size = (len(like), 1)
        noise.mul_(torch.rand(size, generator=generator, device=like.device, dtype=like.dtype))
    return noise
