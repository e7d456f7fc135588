"""The discretised logistic: a logistic density cut at the edges between levels (Kingma et al., 2016; Salimans et al., 2017).

Level k of L lies at v_k = 2k/(L-1) - 1 on [-1, 1], the scale of these decoders' outputs, and has the logistic's mass between
the edges v_k ± 1/(L-1); levels 0 and L-1 have the tails. Edges are computed from integer levels, so neighbours share one to the
last bit and the masses sum to 1.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from kelbo.likelihoods.heads import require_intensities, require_shape, split, total
from kelbo.likelihoods.mass import Mass, depth

Level = TypeVar("Level", Tensor, float)

LOG_SCALE_RANGE = (-7.0, 20.0)
"""The hard range of ln scale. Its lower end is PixelCNN++'s: at e^-7 a logistic is a ninth of an 8-bit level wide. At its upper
end all mass lies at the two end levels; the bound keeps logarithms finite. Outside the range the gradient is 0."""

FIRST_SPREAD = 3.0
"""of ln scale, over the components of a mixture whose mean begins as a picture"""
NEAR_END = 1e-4
"""how near 0 and 1 the mean of such a mixture begins, intensities"""


class DiscretizedLogistic(Mass):
    """Independent pixels of 2^bits levels; the decoder's output is the means on [-1, 1], then ln scale."""

    def __init__(self, bits: int = 8) -> None:
        super().__init__(depth(bits))

    def output_channels(self, channels: int) -> int:
        return 2 * channels

    @property
    def unshiftable(self) -> str | None:
        return None

    def output_of(self, picture: Tensor) -> Tensor:
        (log_scale,) = first_log_scales(1, self.levels)
        place = location_of(picture, log_scale)
        return torch.cat([place, torch.full_like(place, log_scale)], 1)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        require_intensities(self, x)
        return total(log_mass(self.level(x), *self._parameters_of(output), self.levels))

    def mean(self, output: Tensor) -> Tensor:
        return moments(*self._parameters_of(output), self.levels)[0]

    def variance(self, output: Tensor) -> Tensor:
        return moments(*self._parameters_of(output), self.levels)[1]

    def cumulative(self, level: Tensor, x: Tensor, output: Tensor) -> Tensor:
        mean, log_scale = self._parameters_of(output)
        return torch.sigmoid((edge(level, self.levels) - mean) * torch.exp(-log_scale))

    def sample(self, output: Tensor) -> Tensor:
        mean, log_scale = self._parameters_of(output)
        return self.intensity(nearest_level(mean + log_scale.exp() * standard_logistic(mean), self.levels))

    def _parameters_of(self, output: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale = split(output, 2)
        return mean, log_scale.clamp(*LOG_SCALE_RANGE)


def log_mass(level: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """ln of the logistic's mass at integer `level`, in nats, elementwise.

    With u and l the upper and lower edge in units of the scale, sigmoid(u) - sigmoid(l) is computed as
    sigmoid(u)·sigmoid(-l)·(1 - e^(l-u)), a product without cancellation; at the end levels the factor of the missing edge is 1.
    """
    level, inverse = level.float(), torch.exp(-log_scale)
    has_upper, has_lower = level < levels - 1, level > 0
    upper = F.logsigmoid((edge(level, levels) - mean) * inverse)
    lower = F.logsigmoid((mean - edge(level - 1, levels)) * inverse)
    width = torch.log(-torch.expm1(-2 / (levels - 1) * inverse))
    return has_upper * upper + has_lower * lower + (has_upper & has_lower) * width


def first_log_scales(components: int, levels: int) -> list[float]:
    """ln scale of each component on [-1, 1], where a picture is their mean: from one level's width to twenty times that.

    Components of a mixture that began equal would stay equal, since each would have the others' gradient.
    """
    least = math.log(2 / (levels - 1))
    return [least + FIRST_SPREAD * (place + 0.5) / components for place in range(components)]


def location_of(picture: Tensor, log_scale: float) -> Tensor:
    """Where, on [-1, 1], a discretised logistic has this mean (intensities), elementwise; within a hundredth of a level.

    The mean is a sum over edges of the mass beyond each. An integral over [0, 1] comes close to it if the scale is a level or
    more: s·(softplus(m/s) - softplus((m - 1)/s)), solved for m. Pictures are kept inside of (0, 1), whose ends need m = ±∞.
    """
    mean, scale = picture.clamp(NEAR_END, 1 - NEAR_END), math.exp(log_scale) / 2
    low, high = (torch.log(-torch.expm1(-part / scale)) for part in (mean, 1 - mean))
    return 2 * (mean + scale * (low - high)) - 1


def edge(level: Level, levels: int) -> Level:
    """The edge between `level` and the next one, on [-1, 1]."""
    return (2 * level + 1) / (levels - 1) - 1


def moments(mean: Tensor, log_scale: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of the discretised logistic as intensities: exact, differentiable, elementwise.

    With a pivot level near the mean, |K - pivot| is the number of edges between K and pivot. So E(K - pivot) is the sum over
    edges of ± the mass beyond the edge, and E(K - pivot)² the same sum weighted by twice the edge's distance: no term is a
    difference of large numbers.
    """
    inverse = torch.exp(-log_scale)
    pivot = nearest_level(mean, levels).detach()
    first, second = torch.zeros_like(mean), torch.zeros_like(mean)
    for level in range(levels - 1):
        distance = level + 0.5 - pivot
        side = torch.sign(distance)
        beyond = torch.sigmoid(side * (mean - edge(level, levels)) * inverse)
        first = first + side * beyond
        second = second + 2 * distance.abs() * beyond
    return (pivot + first) / (levels - 1), (second - first.square()) / (levels - 1) ** 2


def nearest_level(value: Tensor, levels: int) -> Tensor:
    """From a value on [-1, 1], or beyond, to the level whose bin it falls into, as float32."""
    return ((value + 1) * (levels - 1) / 2).clamp(0, levels - 1).round()


def standard_logistic(like: Tensor) -> Tensor:
    """Draws of the logistic with mean 0 and scale 1, shaped like `like`; |draw| is at most 17.4."""
    return torch.logit(torch.rand_like(like).clamp(min=2.0**-25))
