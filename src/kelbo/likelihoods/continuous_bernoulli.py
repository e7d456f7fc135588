"""The continuous Bernoulli: the density on [0, 1] whose normalising constant a cross-entropy on grey pixels omits."""

from __future__ import annotations

import torch
from torch import Tensor

from kelbo.likelihoods.heads import require_intensities, require_shape, total
from kelbo.protocols import Likelihood

TAYLOR_BELOW = 0.5
"""Below this |t| the closed forms lose precision, and series to t⁸ are exact to float32."""


class ContinuousBernoulli(Likelihood):
    """Independent pixels in [0, 1], p(x) ∝ λ^x (1 - λ)^(1 - x) (Loaiza-Ganem and Cunningham, 2019).

    The decoder gives logits η = ln(λ / (1 - λ)). In η the density is exp(η·x) on [0, 1], normalised, so

        ln p(x) = η·(x - ½) - ln(sinh(η/2) / (η/2)),

    which is even in η around x = ½ and smooth at λ = ½, where the published form is 0 / 0. Moments follow from
    A(t) = ln(sinh t / t) with t = η/2: the mean is ½ + A'(t)/2, the variance A''(t)/4.
    """

    kind = "density"
    support = "unit"

    def output_channels(self, channels: int) -> int:
        return channels

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        require_intensities(self, x)
        logits = output.float()
        return total(logits * (x.float() - 0.5) - log_sinhc(logits / 2))

    def mean(self, output: Tensor) -> Tensor:
        near, small, large = _regimes(output.float() / 2)
        square = small.square()
        series = small * (1 / 3 - square * (1 / 45 - square * (2 / 945 - square / 4725)))
        return 0.5 + 0.5 * torch.where(near, series, 1 / torch.tanh(large) - 1 / large)

    def variance(self, output: Tensor) -> Tensor:
        near, small, large = _regimes(output.float() / 2)
        square = small.square()
        series = 1 / 3 - square * (1 / 15 - square * (2 / 189 - square * (1 / 675 - square * 2 / 10395)))
        return 0.25 * torch.where(near, series, 1 / large.square() - 1 / torch.sinh(large).square())

    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        """Computed at -|η|, which does not overflow, and mirrored if η > 0."""
        require_shape(self, x, output)
        logits, x = output.float(), x.float().clamp(0, 1)
        decay = logits.abs().clamp(min=1e-6)
        below = torch.expm1(-decay * torch.where(logits > 0, 1 - x, x)) / torch.expm1(-decay)
        return torch.where(logits > 0, 1 - below, below)

    def sample(self, output: Tensor) -> Tensor:
        """By the inverse of the distribution function at -|η|, mirrored if η > 0."""
        logits = output.float()
        decay = logits.abs().clamp(min=1e-6)
        x = torch.log1p(torch.rand_like(decay) * torch.expm1(-decay)) / -decay
        return torch.where(logits > 0, 1 - x, x)


def log_sinhc(t: Tensor) -> Tensor:
    """ln(sinh t / t), 0 at t = 0, without overflow or cancellation."""
    near, small, large = _regimes(t)
    square = small.square()
    series = square * (1 / 6 - square * (1 / 180 - square * (1 / 2835 - square / 37800)))
    size = large.abs()
    return torch.where(near, series, size + torch.log(-torch.expm1(-2 * size) / (2 * size)))


def _regimes(t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether the series applies, t for the series, and t for the closed form, each replaced by a safe value if unused."""
    near = t.abs() < TAYLOR_BELOW
    return near, torch.where(near, t, 0.0), torch.where(near, 1.0, t)
