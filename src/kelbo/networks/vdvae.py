"""The networks of the very deep VAE (Child, 2021): an encoder with features at every resolution, and stochastic layers.

Everything is built of one block: 1×1, 3×3, 3×3 and 1×1 convolutions, a GELU before each. Biases are 0 at first. What is added
to a path of N layers is scaled by √(1/N) at first, and the last convolution of every prior is 0, so that priors are N(0, 1).
Features are kept channels-last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from kelbo.networks.layer_lists import EncoderLayer
from kelbo.networks.layers import channels_last, in_channels_last
from kelbo.networks.pointwise import pointwise

SMALLEST_WITH_NEIGHBOURS = 3
"""below this resolution all kernels are 1×1"""


class Block(nn.Module):
    """Features (B, I, r, r) to (B, O, r, r), or to (B, O, r/down, r/down): the input is added if residual, then averaged."""

    def __init__(
        self, sizes: tuple[int, int, int], resolution: int, *, residual: bool = False, down: int | None = None
    ) -> None:
        """sizes: channels that come in, of the bottleneck, and that go out."""
        super().__init__()
        channels_in, middle, channels_out = sizes
        kernel = 3 if resolution >= SMALLEST_WITH_NEIGHBOURS else 1
        self.residual, self.down = residual, down
        self.c1 = convolution(channels_in, middle)
        self.c2 = convolution(middle, middle, kernel)
        self.c3 = convolution(middle, middle, kernel)
        self.c4 = convolution(middle, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        y = pointwise(self.read(x), self.c4.weight, self.c4.bias, x if self.residual else None)
        return y if self.down is None else F.avg_pool2d(y, self.down)

    def read(self, x: Tensor) -> Tensor:
        """What the last convolution reads, (B, bottleneck, r, r)."""
        return self.inside(pointwise(F.gelu(x), self.c1.weight, self.c1.bias))

    def inside(self, y: Tensor) -> Tensor:
        """From the first convolution's output to the last one's input, both (B, bottleneck, r, r)."""
        y = self.c2(F.gelu(y))
        return F.gelu(self.c3(F.gelu(y)))


class VeryDeepEncoder(nn.Module):
    """Images (B, C, H, H) in [0, 1] to features (B, W, r, r) at each of `resolutions`: the last that the path has there.

    Images are shifted by `centre` and divided by `spread` first. added: features to add where the path reaches each
    resolution, of what is given. checkpointing: blocks keep their inputs only, and compute again in the backward pass.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        layers: Sequence[EncoderLayer],
        resolutions: Sequence[int],
        *,
        bottleneck: float = 0.25,
        centre: float = 0.5,
        spread: float = 0.5,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.resolutions, self.centre, self.spread = tuple(resolutions), centre, spread
        self.checkpointing, self.layers = checkpointing, tuple(layers)
        self.first = convolution(channels, width, 3)
        sizes = (width, narrowed(width, bottleneck), width)
        self.blocks = nn.ModuleList(Block(sizes, layer.resolution, residual=True, down=layer.down) for layer in layers)
        for block in self.blocks:
            scale_down(block.c4, len(layers))  # pyright: ignore[reportArgumentType]

    def forward(self, x: Tensor, added: Sequence[Tensor] = ()) -> tuple[Tensor, ...]:
        beside = dict(zip(self.resolutions, added, strict=False))
        x = self.first(in_channels_last((x - self.centre) / self.spread))
        x = x + beside.pop(x.shape[2]) if x.shape[2] in beside else x
        features = {x.shape[2]: x}
        for block in self.blocks:
            x = recomputed(block, x) if self.checkpointing and self.training else block(x)
            side = x.shape[2]
            x = x + beside.pop(side) if side in beside else x
            features[side] = x
        return tuple(features[resolution] for resolution in self.resolutions)


class StochasticNetworks(nn.Module):
    """The networks of one stochastic layer with latents (B, Z, r, r), on a path of features x (B, W, r, r).

    posterior  of x and the encoder's features (B, 2W, r, r), to (B, 2Z, r, r)
    prior      of x, to (B, 2Z + W, r, r): the prior's parameters, and features to add to x
    project    of the latents, to features to add to x
    onwards    of x, what the layer hands on

    Convolutions that read or end at the same place run as one, which reads and writes the path's features less often.
    """

    def __init__(self, width: int, latents: int, resolution: int, layers: int, bottleneck: float = 0.25) -> None:
        """layers: how many such layers the path has."""
        super().__init__()
        middle = narrowed(width, bottleneck)
        self.resolution, self.latents = resolution, latents
        self.posterior = Block((2 * width, middle, 2 * latents), resolution)
        self.prior = Block((width, middle, 2 * latents + width), resolution)
        self.project = convolution(latents, width)
        self.onwards = Block((width, middle, width), resolution, residual=True)
        nn.init.zeros_(self.prior.c4.weight)
        scale_down(self.project, layers)
        scale_down(self.onwards.c4, layers)

    @property
    def sight(self) -> Tensor:
        """The weight (bottleneck, W, 1, 1) by which the posterior's first convolution reads the encoder's features."""
        return self.posterior.c1.weight.chunk(2, 1)[1]

    def posterior_and_prior(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior's parameters (B, 2Z, r, r), and what the prior's last convolution reads (B, bottleneck, r, r).

        seen: the encoder's features after a GELU and `sight`, (B, bottleneck, r, r). Both networks begin with a GELU and a 1×1
        convolution of x, so these run once for both, and x and the encoder's features are not copied side by side.
        """
        first, other, last = self.posterior.c1, self.prior.c1, self.posterior.c4
        weight = torch.cat([first.weight.chunk(2, 1)[0], other.weight])
        y, prior = pointwise(F.gelu(x), weight, torch.cat([first.bias, other.bias])).chunk(2, 1)  # pyright: ignore[reportCallIssue, reportArgumentType]
        y = self.posterior.inside(y + seen)
        return pointwise(y, last.weight, last.bias), self.prior.inside(prior)

    def of_prior(self, y: Tensor) -> Tensor:
        """The prior's parameters (B, 2Z, r, r), of what its last convolution reads."""
        last, count = self.prior.c4, 2 * self.latents
        return pointwise(y, last.weight[:count], last.bias[:count])  # pyright: ignore[reportOptionalSubscript]

    def after(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """What the layer hands on, of the path's features, what the prior's last convolution reads, and the latents."""
        last, count = self.prior.c4, 2 * self.latents
        weight = torch.cat([last.weight[count:], self.project.weight], 1)
        bias = last.bias[count:] + self.project.bias  # pyright: ignore[reportOptionalSubscript, reportOperatorIssue]
        return self.onwards(pointwise(torch.cat([y, z], 1), weight, bias, x))


class Entry(nn.Module):
    """Where the path reaches a resolution: a learned map (W, r, r), if it has one, and the path's features so far, enlarged."""

    def __init__(self, width: int, resolution: int, learned: bool) -> None:
        super().__init__()
        self.width, self.resolution = width, resolution
        self.map = nn.Parameter(torch.zeros(width, resolution, resolution)) if learned else None

    def forward(self, below: Tensor, first: bool = False) -> Tensor:
        """below: features (B, W, s, s) of a lower resolution; at the first entry anything of B examples."""
        shape = (len(below), self.width, self.resolution, self.resolution)
        if first:
            return below.new_zeros(shape) if self.map is None else self.map.expand(shape)
        enlarged = repeated(below, self.resolution // below.shape[2])
        return enlarged if self.map is None else enlarged + self.map


class Exit(nn.Module):
    """Features (B, W, H, H) to a likelihood's parameters (B, P, H, H): gain and bias of each channel, a 1×1 convolution."""

    def __init__(self, width: int, output_channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(width, 1, 1))
        self.output = convolution(width, output_channels)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.output.weight[:, :, 0, 0]  # gain and bias are applied to it instead, which is far smaller than x
        bias = weight @ self.bias[:, 0, 0] + self.output.bias  # pyright: ignore[reportOperatorIssue]
        return pointwise(x, (weight * self.gain[:, 0, 0])[:, :, None, None], bias)


class ConditionFeatures(nn.Module):
    """What is given beside each example, as features (B, W, r, r) or (B, W, 1, 1) at each of `resolutions`.

    Vectors are projected, so that each number has a learned bias a resolution; pictures (B, C, H, W) are averaged to the
    resolution and projected, if there are any in shapes: of one example's conditions, (A,) or (C, H, W).
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], resolutions: Sequence[int], width: int) -> None:
        super().__init__()
        self.resolutions = tuple(resolutions)
        numbers = sum(math.prod(shape) for shape in shapes if len(shape) < 3)
        channels = sum(shape[0] for shape in shapes if len(shape) == 3)
        self.vectors = nn.ModuleList(convolution(numbers, width) for _ in resolutions if numbers)
        self.pictures = nn.ModuleList(convolution(channels, width) for _ in resolutions if channels)

    def forward(self, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        parts: list[list[Tensor]] = [[] for _ in self.resolutions]
        if len(self.vectors):
            numbers = torch.cat([part.flatten(1) for part in given if part.ndim < 4], 1)[:, :, None, None]
            for place, network in zip(parts, self.vectors, strict=True):
                place.append(network(numbers.float()))
        pictures = [part.float() for part in given if part.ndim == 4]
        for place, network, side in zip(parts, self.pictures, self.resolutions, strict=False):
            place.append(network(torch.cat([F.adaptive_avg_pool2d(part, side) for part in pictures], 1)))
        return tuple(torch.stack(torch.broadcast_tensors(*place)).sum(0) if place[1:] else place[0] for place in parts)


class PictureFeatures(nn.Module):
    """What is given, pictures of the image's own size among it, as features (B, W, r, r) at each resolution of `path`.

    The picture, given last, passes through `path`, an encoder, and 1×1 convolutions of its features are handed out, as in a
    U-Net. vectors: of what is given before it, features to add; None if that is nothing.
    """

    def __init__(self, path: VeryDeepEncoder, width: int, vectors: ConditionFeatures | None = None) -> None:
        super().__init__()
        self.path, self.vectors = path, vectors
        self.out = nn.ModuleList(convolution(width, width) for _ in path.resolutions)

    def forward(self, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        *before, picture = given
        features = tuple(out(each) for out, each in zip(self.out, self.path(picture), strict=True))
        if self.vectors is None:
            return features
        return tuple(one + other for one, other in zip(features, self.vectors(before), strict=True))


def convolution(channels_in: int, channels_out: int, kernel: int = 1) -> nn.Conv2d:
    """A convolution that keeps the resolution, its bias 0 at first."""
    made = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
    nn.init.zeros_(made.bias)  # pyright: ignore[reportArgumentType]
    if kernel > 1:  # a 1×1 weight is a matrix
        channels_last(made)
    return made


def repeated(x: Tensor, times: int) -> Tensor:
    """Each pixel of x (B, W, s, s) as a square of times × times: nearest un-pooling, whose gradient is a plain sum.

    The gradient of PyTorch's own scatters when it is compiled, which its compiler (2.13, on CPUs) cannot translate for maps of
    one pixel.
    """
    if not torch.compiler.is_compiling():
        return F.interpolate(x, scale_factor=times)
    count, width, height, side = x.shape
    squares = x[:, :, :, None, :, None].expand(count, width, height, times, side, times)
    return squares.reshape(count, width, height * times, side * times)


def narrowed(width: int, bottleneck: float) -> int:
    """The channels inside of a block."""
    return max(1, int(width * bottleneck))


@torch.no_grad()
def scale_down(layer: nn.Conv2d, layers: int) -> None:
    """Scale a layer's weights by √(1/layers), so that a path that many are added to keeps its size."""
    layer.weight.mul_(math.sqrt(1 / layers))


def recomputed(module: nn.Module, *inputs: Tensor | bool | None) -> Any:
    """The module's output; what it needs for the backward pass is computed again there. The module draws nothing."""
    return checkpoint(module, *inputs, use_reentrant=False, preserve_rng_state=False)
