"""Gaussian posteriors with a diagonal covariance."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from kelbo.latents.noise import standard_normal


class DiagonalGaussian(NamedTuple):
    """N(mean, diag(exp(log_variance))) over K dimensions, both of shape (B, K) or any other (B, …), float32."""

    mean: Tensor
    log_variance: Tensor

    @classmethod
    def from_parameters(cls, parameters: Tensor) -> DiagonalGaussian:
        """Split a network's output (B, 2K, …) into means (the first K) and log-variances (the last K), in float32."""
        mean, log_variance = parameters.float().chunk(2, dim=1)
        return cls(mean, log_variance)

    @property
    def scale(self) -> Tensor:
        """Standard deviations, (B, …)."""
        return torch.exp(0.5 * self.log_variance)

    def rsample(self, temperature: float = 1.0) -> Tensor:
        """One reparametrised draw, (B, …): mean + scale · ε (Kingma & Welling, 2014). temperature: factor on the scale."""
        scale = self.scale if temperature == 1.0 else temperature * self.scale
        return self.mean + scale * standard_normal(self.mean)

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z) in nats, summed over all dimensions, shape (B,)."""
        squares = (z - self.mean).square() * torch.exp(-self.log_variance)
        return -0.5 * (squares + self.log_variance + math.log(2 * math.pi)).flatten(1).sum(1)

    def kl(self, prior: DiagonalGaussian) -> Tensor:
        """KL(self || prior) of each dimension, nats, (B, …); σ² ratios as expm1, so that it is exact near 0."""
        ratio = self.log_variance - prior.log_variance
        distance = (self.mean - prior.mean).square() * torch.exp(-prior.log_variance)
        return 0.5 * (distance + torch.expm1(ratio) - ratio)
