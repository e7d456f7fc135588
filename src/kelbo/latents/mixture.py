"""Mixtures of Gaussians as priors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kelbo.bound import Given, require_given
from kelbo.protocols import NOTHING, Prior
from kelbo.seeds import normal_like, uniform_like


class MixturePrior(Prior):
    """Σ_m w_m N(μ_m, L_m L_mᵀ) over K dimensions, whatever is given.

    weights: (M,), positive, of any sum; means: (M, K); factors: L, (M, K, K), lower triangular with a positive diagonal.
    ValueError for others. All are float32 buffers. A temperature scales each component's L, and leaves weights and means.
    """

    log_weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, weights: Tensor, means: Tensor, factors: Tensor) -> None:
        super().__init__()
        count, dims = means.shape
        if weights.shape != (count,) or factors.shape != (count, dims, dims):
            raise ValueError(f"{count} means of {dims} dimensions do not go with {weights.shape} and {factors.shape}.")
        if not ((weights > 0).all() and (factors.diagonal(dim1=1, dim2=2) > 0).all()):
            raise ValueError("Weights and the diagonals of covariance factors must be positive.")
        self.register_buffer("log_weights", (weights.double() / weights.double().sum()).log().float())
        self.register_buffer("means", means.float())
        self.register_buffer("factors", factors.float().tril())

    @property
    def dims(self) -> int:
        return self.means.shape[1]

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        offsets = (z.float() - self.means[:, None]).mT  # (M, K, B)
        squares = torch.linalg.solve_triangular(self.factors, offsets, upper=False).square().sum(1)
        log_scale = self.factors.diagonal(dim1=1, dim2=2).log().sum(1) + 0.5 * self.dims * math.log(2 * math.pi)
        return torch.logsumexp((self.log_weights - log_scale)[:, None] - 0.5 * squares, 0)

    def sample(self, count: int, given: Given = NOTHING, temperature: float = 1.0) -> Tensor:
        chosen = choose(self.log_weights.exp(), count)
        noise = temperature * normal_like(self.means.new_empty(count, self.dims))
        return self.means[chosen] + (self.factors[chosen] * noise[:, None]).sum(2)


class PriorByClass(Prior):
    """p(z | c): one prior for each of C values of a condition.

    conditions: names of what is given, A numbers in all; rows: (C, A), each value as these numbers; parts: its prior. What is
    given must be one of the rows, else ValueError.
    """

    rows: Tensor

    def __init__(self, conditions: tuple[str, ...], rows: Tensor, parts: Sequence[Prior]) -> None:
        super().__init__()
        if len(rows) != len(parts):
            raise ValueError(f"{len(rows)} values of a condition need as many priors; there are {len(parts)}.")
        self.conditions, self.parts = conditions, nn.ModuleList(parts)
        self._each = tuple(parts)
        self.register_buffer("rows", rows.float())

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        which, found = self._which(given, len(z)), z.new_empty(len(z), dtype=torch.float32)
        for value, part in enumerate(self._each):
            if (of := which == value).any():
                found[of] = part.log_prob(z[of])
        return found

    def sample(self, count: int, given: Given = NOTHING, temperature: float = 1.0) -> Tensor:
        which = self._which(given, count)
        drawn = [
            part.sample(int((which == value).sum()), NOTHING, temperature) for value, part in enumerate(self._each)
        ]
        return torch.cat(drawn)[which.argsort(stable=True).argsort()]

    def _which(self, given: Given, count: int) -> Tensor:
        """The place of each example's value, (B,)."""
        told = told_of(self.conditions, given)
        equal = (told[:, None] == self.rows).all(2)
        if len(told) != count or not equal.any(1).all():
            raise ValueError(
                f"This prior is one of {len(self.rows)} for each value of {', '.join(self.conditions)}; {count} draws need as "
                "many of these values."
            )
        return equal.int().argmax(1)


def told_of(conditions: tuple[str, ...], given: Given) -> Tensor:
    """What is given as one tensor (B, A), float32. ValueError if some of it is missing."""
    require_given(conditions, given)
    return torch.cat([given[name].float().flatten(1) for name in conditions], 1)


def choose(weights: Tensor, count: int) -> Tensor:
    """`count` draws, int64, of a component with these weights (M,), which sum to 1."""
    edges = weights.cumsum(0)
    return torch.searchsorted(edges, uniform_like(edges.new_empty(count))).clamp(max=len(weights) - 1)
