"""How the posterior of one group is made of what the data say and of the group's prior, as hierarchies need it.

All are pure functions of float32 Gaussians. `answer` is what the network says that has seen the data, `prior` is p(z_g | z_<g).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

LN_2 = math.log(2.0)
LEAST_SCALE = 1e-6
"""a softplus' σ is never smaller, so that its logarithm is finite"""


class GroupGaussian(NamedTuple):
    """N(mean, diag(exp(log_scale)²)), both (B, …), float32."""

    mean: Tensor
    log_scale: Tensor

    def at(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """The draw that standard normal `noise` makes, (B, …). temperature: factor on the standard deviation."""
        scale = torch.exp(self.log_scale)
        return self.mean + (scale if temperature == 1.0 else temperature * scale) * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """The log-density at z, nats, summed over all dimensions, (B,)."""
        squares = ((z - self.mean) * torch.exp(-self.log_scale)).square()
        return -(0.5 * (squares + math.log(2 * math.pi)) + self.log_scale).flatten(1).sum(1)

    def kl(self, prior: GroupGaussian) -> Tensor:
        """KL(self || prior) in closed form, nats, summed over all dimensions, (B,); by expm1, so that it is exact near 0."""
        ratio = 2 * (self.log_scale - prior.log_scale)
        distance = ((self.mean - prior.mean) * torch.exp(-prior.log_scale)).square()
        return 0.5 * (distance + torch.expm1(ratio) - ratio).flatten(1).sum(1)


Merge = Callable[[GroupGaussian, GroupGaussian], GroupGaussian]
"""(answer, prior) → posterior"""
MergeName = Literal["concatenation", "precision_weighted", "residual"]
Scale = Literal["exp", "softplus"]


def concatenation(answer: GroupGaussian, prior: GroupGaussian) -> GroupGaussian:  # noqa: ARG001
    """The answer itself: its network has seen the features of the prior beside those of the data (Child, 2021)."""
    return answer


def precision_weighted(answer: GroupGaussian, prior: GroupGaussian) -> GroupGaussian:
    """q ∝ answer · prior (Sønderby et al., 2016): precisions add up, means are weighed by them.

    σ is never above the prior's, and q becomes the prior as the answer's σ grows: a group is switched off smoothly.
    """
    data, before = -2 * answer.log_scale, -2 * prior.log_scale
    weight = torch.sigmoid(data - before)
    return GroupGaussian(prior.mean + weight * (answer.mean - prior.mean), -0.5 * torch.logaddexp(data, before))


def residual(answer: GroupGaussian, prior: GroupGaussian) -> GroupGaussian:
    """The answer is a change of the prior: its mean is added, its σ multiplied (Vahdat & Kautz, 2020)."""
    return GroupGaussian(prior.mean + answer.mean, prior.log_scale + answer.log_scale)


MERGES: dict[MergeName, Merge] = {
    "concatenation": concatenation,
    "precision_weighted": precision_weighted,
    "residual": residual,
}


def gaussian_of(parameters: Tensor, scale: Scale = "exp") -> GroupGaussian:
    """A network's output (B, 2Z, …) as a GroupGaussian of Z channels: means, then what σ is made of, in float32.

    exp: the output is ln σ. softplus: σ = log2(1 + 2^output), linear instead of exponential at large outputs (Hazami et al.,
    2022). Both are 1 at 0.
    """
    mean, raw = parameters.float().chunk(2, dim=1)
    if scale == "exp":
        return GroupGaussian(mean, raw)
    return GroupGaussian(mean, F.softplus(raw, beta=LN_2).clamp_min(LEAST_SCALE).log())
