"""The discretised mixture of logistics of PixelCNN++ (Salimans et al., 2017), as VDVAE uses it (Child, 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from kelbo.errors import RecipeError
from kelbo.likelihoods.heads import choose, require_intensities, require_shape, total
from kelbo.likelihoods.logistic import (
    LOG_SCALE_RANGE,
    edge,
    first_log_scales,
    location_of,
    log_mass,
    moments,
    nearest_level,
    standard_logistic,
)
from kelbo.likelihoods.mass import Mass, depth

CHAINED = 3
"""Images of three channels are chained: red, then green given red, then blue given both."""


class Components(NamedTuple):
    """The M components of every pixel. The channels of a pixel share its component, hence are dependent.

    log_weights (B, M, *event); mean and log_scale (B, C, M, *event) on the scale [-1, 1]; coefficients
    (B, 3, M, *event) in (-1, 1): green on red, blue on red, blue on green; (B, 0, M, *event) unless C = 3.
    """

    log_weights: Tensor
    mean: Tensor
    log_scale: Tensor
    coefficients: Tensor

    @property
    def chained(self) -> bool:
        return self.coefficients.shape[1] > 0

    def mean_given(self, before: Sequence[Tensor], channel: int) -> Tensor:
        """The means (B, M, *event) of one channel of a chain, given those before it on [-1, 1]."""
        first = channel * (channel - 1) // 2
        shifts = (self.coefficients[:, first + earlier] * before[earlier] for earlier in range(channel))
        return sum(shifts, start=self.mean[:, channel])


class DiscretizedLogisticMixture(Mass):
    """Pixels of 2^bits levels; each is a mixture of M discretised logistics over its channels.

    With three channels, a component's mean of green is shifted by coefficient · red, that of blue by coefficient · red +
    coefficient · green, where red and green are the pixel's own *levels* on [-1, 1]. Other numbers of channels have no
    coefficients. Differences from the released code of both papers: no guards of 10^-5 or 10^-12; end levels are found by
    integer level; masses sum to 1 at every bit depth; and chains are sampled through levels, as they are scored.

    The decoder's output has the channel order of PixelCNN++, so its weights can be loaded: M logits, then for each colour M
    means, M ln scales and (three channels only) M raw coefficients, in the order above, to which tanh is applied.
    """

    log_scale_range: ClassVar[tuple[float, float]] = LOG_SCALE_RANGE

    def __init__(self, components: int = 10, bits: int = 8) -> None:
        super().__init__(depth(bits))
        if components < 1:
            raise RecipeError(f"likelihood.components must be at least 1; got {components}.")
        self.components = components

    def output_channels(self, channels: int) -> int:
        return self.components * (1 + channels * (3 if channels == CHAINED else 2))

    @property
    def unshiftable(self) -> str | None:
        return None

    def output_of(self, picture: Tensor) -> Tensor:
        """All components have that mean, at scales of their own."""
        scales, chained = first_log_scales(self.components, self.levels), picture.shape[1] == CHAINED
        places = torch.stack([location_of(picture, scale) for scale in scales], 2)
        log_scales = places.new_tensor(scales).view(-1, *[1] * (places.ndim - 3)).expand_as(places)
        of_colours = torch.stack([places, log_scales, *([torch.zeros_like(places)] if chained else [])], 2)
        return torch.cat([torch.zeros_like(places[:, 0]), of_colours.flatten(1, 3)], 1)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        require_intensities(self, x)
        p, _, log_masses = self._observed(x, output)
        return total((p.log_weights + log_masses.sum(1)).logsumexp(1, keepdim=True))

    def cumulative(self, level: Tensor, x: Tensor, output: Tensor) -> Tensor:
        """Given the channels before: they shift the means of a chain, and weigh the components by their mass at x."""
        p, mean, log_masses = self._observed(x, output)
        before = torch.cat([torch.zeros_like(log_masses[:, :1]), log_masses.cumsum(1)[:, :-1]], 1)
        weights = (p.log_weights.unsqueeze(1) + before).softmax(2)
        below = torch.sigmoid((edge(level.unsqueeze(2), self.levels) - mean) * torch.exp(-p.log_scale))
        return (weights * below).sum(2).clamp(max=1)

    def _observed(self, x: Tensor, output: Tensor) -> tuple[Components, Tensor, Tensor]:
        """The components, their means given x, and ln of their masses at x, both (B, C, M, *event)."""
        p, level = self._components(output), self.level(x).unsqueeze(2)
        mean = p.mean
        if p.chained:
            colours = self._on_scale(level).unbind(1)
            mean = torch.stack([p.mean_given(colours, channel) for channel in range(CHAINED)], 1)
        return p, mean, self.log_mass(level, mean, p.log_scale)

    def log_mass(self, level: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
        """ln of the mass of each logistic at integer `level`, nats, elementwise; means on [-1, 1]."""
        return log_mass(level, mean, log_scale, self.levels)

    def mean(self, output: Tensor) -> Tensor:
        """Exact if channels are not chained, and for red.

        Green and blue are averages over NET: wrong by about 0.01 of the pixel's own deviation, by 0.06 in the worst of 300
        random pixels, and piecewise constant in the parameters, so they have no gradient.
        """
        return self.moments(output)[0]

    def variance(self, output: Tensor) -> Tensor:
        """As exact as `mean`."""
        return self.moments(output)[1]

    def sample(self, output: Tensor) -> Tensor:
        """Draw a component, then the channels in order, each through its level."""
        p = self._components(output)
        index = choose(p.log_weights).unsqueeze(1)
        p = Components(*(_pick(part, index) for part in p))
        noise = standard_logistic(p.mean)
        if p.chained:
            return self.intensity(self._chain(p, noise.unbind(1)).squeeze(2))
        return self.intensity(nearest_level(p.mean + p.log_scale.exp() * noise, self.levels).squeeze(2))

    def _components(self, output: Tensor) -> Components:
        logits, rest = output.float().tensor_split([self.components], dim=1)
        chained = output.shape[1] == self.output_channels(CHAINED)
        mean, log_scale, *raw = rest.unflatten(1, (-1, 3 if chained else 2, self.components)).unbind(2)
        coefficients = raw[0].tanh() if chained else mean[:, :0]
        return Components(logits.log_softmax(1), mean, log_scale.clamp(*self.log_scale_range), coefficients)

    def _on_scale(self, level: Tensor) -> Tensor:
        return 2 * level.float() / (self.levels - 1) - 1

    def _chain(self, p: Components, noise: Sequence[Tensor | float]) -> Tensor:
        """Levels (B, 3, M, *event), float32, at standard logistic draws of red, green and blue."""
        chain: list[Tensor] = []
        for channel, draw in enumerate(noise):
            before = [self._on_scale(level) for level in chain]
            value = p.mean_given(before, channel) + p.log_scale[:, channel].exp() * draw
            chain.append(nearest_level(value, self.levels))
        return torch.stack(chain, 1)

    def moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """`mean` and `variance` of the mixture from those of its components, in the time of one of them."""
        p = self._components(output)
        means, variances = self._chain_moments(p) if p.chained else moments(p.mean, p.log_scale, self.levels)
        weights = p.log_weights.exp().unsqueeze(1)
        mean = (weights * means).sum(2)
        return mean, (weights * (variances + (means - mean.unsqueeze(2)).square())).sum(2)

    def _chain_moments(self, p: Components) -> tuple[Tensor, Tensor]:
        """Means and variances (B, 3, M, *event) of chained components, as intensities.

        Blue's exact mean is a sum over all pairs of levels of red and green, 65 536 at 8 bits. Instead it is the average of
        len(NET) chains, whose uniforms are spread evenly rather than drawn, the same for every pixel.
        """
        red_mean, red_variance = moments(p.mean[:, :1], p.log_scale[:, :1], self.levels)
        mean, variance = self._green_and_blue(p)
        return torch.cat([red_mean, mean], 1), torch.cat([red_variance, variance], 1)

    @torch.no_grad()
    def _green_and_blue(self, p: Components) -> tuple[Tensor, Tensor]:
        """Means and variances (B, 2, M, *event) over NET, as intensities.

        The chain of `_chain` in units of levels: v = 2k/(L-1) - 1, so a shift by coefficient · v is a shift by coefficient · k
        and a constant.
        """
        top = self.levels - 1
        red, green, blue = ((p.mean + 1) * (top / 2)).unbind(1)
        scales, (on_red, blue_on_red, blue_on_green) = (
            (p.log_scale.exp() * (top / 2)).unbind(1),
            p.coefficients.unbind(1),
        )
        green, blue = green - on_red * (top / 2), blue - (blue_on_red + blue_on_green) * (top / 2)

        def chain(noise: Sequence[float]) -> tuple[Tensor, Tensor]:
            r = torch.add(red, scales[0], alpha=noise[0]).clamp_(0, top).round_()
            g = torch.add(green, scales[1], alpha=noise[1]).addcmul_(on_red, r).clamp_(0, top).round_()
            b = torch.add(blue, scales[2], alpha=noise[2]).addcmul_(blue_on_red, r).addcmul_(blue_on_green, g)
            return g, b.clamp_(0, top).round_()

        pivots = chain([0.0] * CHAINED)
        sums = [(torch.zeros_like(pivot), torch.zeros_like(pivot)) for pivot in pivots]
        for noise in NET:
            for level, pivot, (first, second) in zip(chain(noise), pivots, sums, strict=True):
                difference = level.sub_(pivot)  # small whole numbers, so that their sums are exact
                first.add_(difference)
                second.addcmul_(difference, difference)
        means = [(pivot + first / len(NET)) / top for pivot, (first, _) in zip(pivots, sums, strict=True)]
        variances = [(second / len(NET) - (first / len(NET)).square()) / top**2 for first, second in sums]
        return torch.stack(means, 1), torch.stack(variances, 1)


def _pick(part: Tensor, index: Tensor) -> Tensor:
    """Component `index` (B, 1, *event) of (B, M, *event) or (B, C, M, *event), its axis kept with length 1."""
    if part.ndim == index.ndim:
        return part.gather(1, index)
    return part.gather(2, index.unsqueeze(1).expand(-1, part.shape[1], *index.shape[1:]))


def well_spread_noise(points: int) -> list[list[float]]:
    """Standard logistic quantiles, (points, 3), at a scrambled Sobol' net: each axis has one point in every 1/points."""
    net = torch.quasirandom.SobolEngine(CHAINED, scramble=True, seed=1).draw(points, dtype=torch.float64)
    return torch.logit(net).tolist()


NET = well_spread_noise(256)
"""The draws that moments of green and blue are averaged over. Made once, so that a traced or exported mean has no generator."""
