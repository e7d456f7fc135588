"""Priors p(z)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kelbo.seeds import normal_like


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """log N(z; 0, I) in nats, z of shape (B, K), answer (B,)."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)


def standard_normal_sample(count: int, dims: int, device: torch.device) -> Tensor:
    """Draws of N(0, I), shape (count, dims)."""
    return normal_like(torch.empty(count, dims, device=device))
