"""A Laplace density: absolute instead of squared errors."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from kelbo.errors import RecipeError
from kelbo.likelihoods.heads import (
    LOG_SCALE_FLOOR,
    Activation,
    activation,
    log_range,
    no_sum,
    require_shape,
    soft_clip,
    total,
)
from kelbo.protocols import Likelihood


class Laplace(Likelihood):
    """Independent pixels, p(x) = exp(-|x - mean| / b) / 2b, with one scale b for all pixels.

    scale: b in intensities; None to learn it: ln(b / data_range) is then a scalar parameter, `log_scale`, that starts at 0 and
    is clipped softly, as SharedGaussian's. data_range: as for a Gaussian.
    """

    kind = "density"
    support = "real"
    given: Tensor

    def __init__(
        self, scale: float | None = None, mean_activation: Activation = "identity", data_range: float = 1.0
    ) -> None:
        super().__init__()
        if scale is not None and not 0 < scale < math.inf:
            raise RecipeError(f"likelihood.scale must be positive and finite, or None to learn it; got {scale}.")
        self.log_scale = nn.Parameter(torch.zeros(())) if scale is None else None
        # a buffer, so that each stacked lane may have its own; not persistent, since the recipe holds it
        self.register_buffer("given", None if scale is None else torch.tensor(float(scale)), persistent=False)
        self.mean_activation = activation(mean_activation)
        self.data_range, self.log_range = data_range, log_range(data_range)

    @property
    def sigma_floor(self) -> float | None:
        return None if self.log_scale is None else math.sqrt(2) * math.exp(LOG_SCALE_FLOOR + self.log_range)

    def scale(self, output: Tensor) -> Tensor:
        """b, a float32 scalar on the output's device."""
        if self.log_scale is None:
            return self.given
        return torch.exp(soft_clip(self.log_scale.float(), LOG_SCALE_FLOOR) + self.log_range)

    @property
    def unshiftable(self) -> str | None:
        return no_sum(self.mean_activation)

    def output_of(self, picture: Tensor) -> Tensor:
        return picture

    def output_channels(self, channels: int) -> int:
        return channels

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        scale = self.scale(output)
        return total(-(x.float() - self.mean(output)).abs() / scale - torch.log(2 * scale))

    def mean(self, output: Tensor) -> Tensor:
        return self.mean_activation(output.float())

    def variance(self, output: Tensor) -> Tensor:
        return (2 * self.scale(output).square()).expand_as(output)

    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        require_shape(self, x, output)
        standard = (x.float() - self.mean(output)) / self.scale(output)
        tail = 0.5 * torch.exp(-standard.abs())
        return torch.where(standard < 0, tail, 1 - tail)

    def sample(self, output: Tensor) -> Tensor:
        """The difference of two exponential draws, which is finite for every draw of U[0, 1)."""
        mean = self.mean(output)
        difference = torch.log1p(-torch.rand_like(mean)) - torch.log1p(-torch.rand_like(mean))
        return mean + self.scale(output) * difference
