"""The discretised mixture of logistics as the releases of PixelCNN++ and VDVAE compute it, for weights trained with it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kelbo.likelihoods.logistic_mixture import DiscretizedLogisticMixture

LEAST_MASS = 1e-5
"""a smaller mass is replaced by density · width"""


class PublishedLogisticMixture(DiscretizedLogisticMixture):
    """`DiscretizedLogisticMixture` with the release's guard: a mass below 10⁻⁵ is the density at its centre times its width.

    So masses sum to 1 within 10⁻⁵ or so, and the log-mass of an unlikely level is another than the normalised one's. Means,
    variances, samples and distribution functions are those of the normalised mixture.
    """

    def log_mass(self, level: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
        inverse, half = torch.exp(-log_scale), 1 / (self.levels - 1)
        centred = 2 * half * level.float() - 1 - mean
        upper, lower, middle = inverse * (centred + half), inverse * (centred - half), inverse * centred
        mass = torch.sigmoid(upper) - torch.sigmoid(lower)
        density = middle - log_scale - 2 * F.softplus(middle)
        inside = torch.where(mass > LEAST_MASS, mass.clamp_min(1e-12).log(), density + math.log(2 * half))
        ends = torch.where(level <= 0, F.logsigmoid(upper), -F.softplus(lower))
        return torch.where((level <= 0) | (level >= self.levels - 1), ends, inside)
