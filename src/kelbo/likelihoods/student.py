"""A Student-t density, whose heavy tails forgive outliers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kelbo.likelihoods.heads import (
    LOG_SCALE_FLOOR,
    Activation,
    activation,
    log_range,
    means_first,
    no_sum,
    require_shape,
    soft_clip,
    split,
    total,
)
from kelbo.protocols import NEAR_FLOOR, Likelihood

LEAST_FREEDOM = 2.1
"""The least degrees of freedom: above 2, so that the variance exists, and is at most 21 squared scales."""


class StudentT(Likelihood):
    """Independent pixels; location, scale and degrees of freedom ν of each from the decoder (Takahashi et al., 2018).

    The decoder's output is the locations, then ln(scale / data_range) (clipped softly), then r with ν = 2.1 + softplus(r).
    mean_activation, data_range: as for a Gaussian.
    """

    kind = "density"
    support = "real"

    def __init__(self, mean_activation: Activation = "identity", data_range: float = 1.0) -> None:
        super().__init__()
        self.mean_activation = activation(mean_activation)
        self.data_range, self.log_range = data_range, log_range(data_range)

    @property
    def sigma_floor(self) -> float | None:
        """The floor of the scale, which σ approaches as ν grows."""
        return math.exp(LOG_SCALE_FLOOR + self.log_range)

    def floored(self, output: Tensor) -> Tensor | None:
        """Which pixels' scale is on its floor; the variance does not show it, because of the heavy tails."""
        return self._parameters_of(output)[1] < LOG_SCALE_FLOOR + self.log_range + math.log(NEAR_FLOOR)

    @property
    def unshiftable(self) -> str | None:
        return no_sum(self.mean_activation)

    def output_of(self, picture: Tensor) -> Tensor:
        return means_first(picture, 3)

    def output_channels(self, channels: int) -> int:
        return 3 * channels

    def _parameters_of(self, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Location, ln scale and ν, each (B, C, *event)."""
        location, log_scale, freedom = split(output, 3)
        return (
            self.mean_activation(location),
            soft_clip(log_scale, LOG_SCALE_FLOOR) + self.log_range,
            LEAST_FREEDOM + F.softplus(freedom),
        )

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        location, log_scale, nu = self._parameters_of(output)
        standard = (x.float() - location) * torch.exp(-log_scale)
        constant = log_gamma_step(nu / 2) - 0.5 * torch.log(math.pi * nu) - log_scale
        return total(constant - 0.5 * (nu + 1) * torch.log1p(standard.square() / nu))

    def mean(self, output: Tensor) -> Tensor:
        return self._parameters_of(output)[0]

    def variance(self, output: Tensor) -> Tensor:
        _, log_scale, nu = self._parameters_of(output)
        return torch.exp(2 * log_scale) * nu / (nu - 2)

    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        """By SciPy, on the CPU: PyTorch has no incomplete beta function."""
        from scipy.special import stdtr  # here, since training needs none of it

        require_shape(self, x, output)
        location, log_scale, nu = self._parameters_of(output)
        standard = (x.float() - location) * torch.exp(-log_scale)
        below = stdtr(*(part.detach().cpu().double().numpy() for part in (nu, standard)))
        return torch.as_tensor(below, dtype=torch.float32, device=output.device)

    def sample(self, output: Tensor) -> Tensor:
        """From two uniform draws by the polar method (Bailey, 1994), which needs no gamma variates."""
        location, log_scale, nu = self._parameters_of(output)
        log_uniform = torch.log1p(-torch.rand_like(location))
        radius = torch.sqrt(nu * torch.expm1(-2 / nu * log_uniform))
        return location + torch.exp(log_scale) * radius * torch.cos(2 * math.pi * torch.rand_like(location))


def log_gamma_step(a: Tensor) -> Tensor:
    """ln Γ(a + ½) - ln Γ(a) for a ≥ 1, to float32's precision.

    The difference of two `lgamma` loses all digits as a grows. Stirling's series at a + 4, with the recurrence
    Γ(a + 1) = a·Γ(a), does not.
    """
    far = a + 4
    series = 0.5 * torch.log(far) - 1 / (8 * far) + 1 / (192 * far**3) - 1 / (640 * far**5)
    return series - sum(torch.log1p(0.5 / (a + k)) for k in range(4))
