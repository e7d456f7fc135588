"""Priors p(z) of one group of latents."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kelbo.bound import Given
from kelbo.protocols import NOTHING, Posterior, Prior
from kelbo.seeds import normal_like


class StandardNormal(Prior):
    """N(0, I) over K dimensions."""

    origin: Tensor

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.register_buffer("origin", torch.zeros(dims), persistent=False)  # on the device of the draws

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def sample(self, count: int, given: Given = NOTHING, temperature: float = 1.0) -> Tensor:
        draws = normal_like(self.origin.new_empty(count, len(self.origin)))
        return draws if temperature == 1.0 else temperature * draws

    def kl(self, posterior: Posterior, given: Given = NOTHING) -> Tensor:
        """½ (μ² + σ² - 1 - ln σ²), Kingma & Welling (2014), appendix B; σ² - 1 as expm1, so that it is exact near 0."""
        return 0.5 * (posterior.mean.square() + torch.expm1(posterior.log_variance) - posterior.log_variance)
