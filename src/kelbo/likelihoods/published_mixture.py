"""The discretised mixture of logistics as the releases of PixelCNN++ and VDVAE compute it, for weights trained with it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kelbo.likelihoods.logistic import LOG_SCALE_RANGE
from kelbo.likelihoods.logistic_mixture import Components, DiscretizedLogisticMixture

LEAST_MASS = 1e-5
"""a smaller mass is replaced by density · width"""
LOW_BITS = 5
"""the depth for which the release has a grid of its own"""


class PublishedLogisticMixture(DiscretizedLogisticMixture):
    """`DiscretizedLogisticMixture` with the release's guard: a mass below 10⁻⁵ is the density at its centre times its width.

    So masses sum to 1 within 10⁻⁵ or so, and the log-mass of an unlikely level is another than the normalised one's. Means,
    variances, samples and distribution functions are those of the normalised mixture. Scales have no upper bound.

    At 5 bits the release places level k at 16k/255 - 1, so that the last one is not at 1, with bins of 2/31 that overlap, and
    none for what lies beyond. Its masses sum to 1.03 or less: that is not `normalized`.
    """

    log_scale_range = (LOG_SCALE_RANGE[0], math.inf)

    def __init__(self, components: int = 10, bits: int = 8) -> None:
        super().__init__(components, bits)
        self.stretch = 510 / 496 if bits == LOW_BITS else 1.0
        """from the release's scale, -1 at level 0, to that of the levels, whose last is at 1"""

    @property
    def unshiftable(self) -> str | None:
        return None if self.normalized else "has levels on a grid of its own at this depth, whose means are others"

    @property
    def normalized(self) -> bool:
        return self.stretch == 1.0

    def log_mass(self, level: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
        inverse, half = torch.exp(-log_scale), self.stretch / (self.levels - 1)
        centred = 2 * level.float() / (self.levels - 1) - 1 - mean
        upper, lower, middle = inverse * (centred + half), inverse * (centred - half), inverse * centred
        mass = torch.sigmoid(upper) - torch.sigmoid(lower)
        density = middle - log_scale - 2 * F.softplus(middle)
        log_mass = torch.where(mass > LEAST_MASS, mass.clamp_min(1e-12).log(), density + math.log(2 * half))
        if self.normalized:
            log_mass = torch.where(level >= self.levels - 1, -F.softplus(lower), log_mass)
        return torch.where(level <= 0, F.logsigmoid(upper), log_mass)

    def _components(self, output: Tensor) -> Components:
        """Of the release's parameters, those on the scale of the levels, which shift where a colour shifts another too."""
        p, a = super()._components(output), self.stretch
        if a == 1.0:
            return p
        shift = torch.zeros_like(p.mean)
        if p.chained:
            on_red, blue_on_red, blue_on_green = p.coefficients.unbind(1)
            shift = (1 - a) * torch.stack([torch.zeros_like(on_red), on_red, blue_on_red + blue_on_green], 1)
        return p._replace(mean=a * (p.mean + 1) - 1 + shift, log_scale=p.log_scale + math.log(a))
