"""Pictures from a model as arrays of intensities (N, C, H, W), float32."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kelbo.protocols import Model
from kelbo.seeds import seeded


def sample(model: Model, count: int, *, noise: bool = False, seed: int = 0) -> np.ndarray:
    """Draws of the prior decoded: the likelihood's mean, or with `noise` a draw of the full model p(x | z) p(z)."""
    with model.evaluating(), seeded(seed, "pictures"):
        return _show(model, model.sample_prior(count), noise)


def reconstruct(model: Model, x: Tensor, *, noise: bool = False, seed: int = 0) -> np.ndarray:
    """Intensities x (B, C, H, W) encoded to the posterior's mean and decoded again."""
    with model.evaluating(), seeded(seed, "pictures"):
        means, _ = model.posterior_moments(x)
        return _show(model, means, noise)


def traverse(model: Model, x: Tensor, latents: list[int], values: list[float]) -> np.ndarray:
    """One image x (1, C, H, W) decoded with one latent at a time set to each value (prior standard deviations).

    Returns (len(latents), len(values), C, H, W): the likelihood's mean.
    """
    with model.evaluating():
        means, _ = model.posterior_moments(x)
        z = means.repeat(len(latents), len(values), 1)
        for row, latent in enumerate(latents):
            z[row, :, latent] = torch.tensor(values, device=z.device)
        flat = _show(model, z.flatten(0, 1), noise=False)
    return flat.reshape(len(latents), len(values), *flat.shape[1:])


def interpolate(model: Model, first: Tensor, last: Tensor, steps: int) -> np.ndarray:
    """From one image (1, C, H, W) to another through the straight line between their posterior means.

    Returns (steps, C, H, W): the likelihood's mean; the ends are the two reconstructions.
    """
    with model.evaluating():
        means, _ = model.posterior_moments(torch.cat([first, last]))
        weights = torch.linspace(0, 1, steps, device=means.device)[:, None]
        return _show(model, torch.lerp(means[:1], means[1:], weights), noise=False)


def _show(model: Model, z: Tensor, noise: bool) -> np.ndarray:
    output = model.decode(z)
    return (model.likelihood.sample(output) if noise else model.likelihood.mean(output)).cpu().numpy()
