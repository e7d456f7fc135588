"""The autoencoder of latent diffusion (Rombach et al., 2022): pictures to latents that keep their layout, and back.

The graph is that of AutoencoderKL in diffusers, and so are the names of modules: convolutions 3×3; residual blocks of two, each
after a group normalisation and a SiLU; strided convolutions that pad below and to the right only; nearest-neighbour upsampling
before a convolution; one attention in the middle, if any. Pictures are in [0, 1] outside, in [-1, 1] inside. Features are kept
channels-last.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from kelbo.networks.doubling import doubled
from kelbo.networks.layers import channels_last, in_channels_last
from kelbo.networks.norms import GroupNorm, PositionNorm
from kelbo.networks.pointwise import pointwise

EPS = 1e-6
"""of every normalisation, as released"""
NormName = Literal["group", "position"]


class SpatialPlan(NamedTuple):
    """What encoder and decoder have in common.

    widths     channels at each resolution, from the picture's on; each is half of the one before, so F of them make f = 2^(F-1)
    latents    channels of the latents
    blocks     residual blocks of the encoder at each resolution; the decoder has one more
    attention  whether the middle, at the lowest resolution, has an attention over all positions
    norm       "group": over groups of channels and all positions; "position": over the channels of each position alone
    groups     of channels; they divide every width
    """

    widths: tuple[int, ...]
    latents: int = 4
    blocks: int = 2
    attention: bool = True
    norm: NormName = "group"
    groups: int = 32

    @property
    def factor(self) -> int:
        """f: a picture's side divided by that of its latents."""
        return 2 ** (len(self.widths) - 1)


def _norm(channels: int, plan: SpatialPlan) -> nn.Module:
    return PositionNorm(channels, EPS) if plan.norm == "position" else GroupNorm(plan.groups, channels, EPS)


class ResnetBlock(nn.Module):
    """x (B, I, h, w) to (B, O, h, w): two convolutions of the normalised x, and x itself, by a 1×1 convolution if I ≠ O."""

    def __init__(self, channels_in: int, channels_out: int, plan: SpatialPlan) -> None:
        super().__init__()
        self.norm1 = _norm(channels_in, plan)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2 = _norm(channels_out, plan)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        short = self.conv_shortcut
        return x + y if short is None else pointwise(x, short.weight, short.bias, y)


class Attention(nn.Module):
    """x (B, C, h, w) and what each position attends to among all, by one head."""

    def __init__(self, channels: int, plan: SpatialPlan) -> None:
        super().__init__()
        self.group_norm = _norm(channels, plan)
        self.to_q, self.to_k, self.to_v = (nn.Linear(channels, channels) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor) -> Tensor:
        rows = self.group_norm(x).permute(0, 2, 3, 1).flatten(1, 2)  # (B, h·w, C)
        found = F.scaled_dot_product_attention(self.to_q(rows), self.to_k(rows), self.to_v(rows))
        return x + self.to_out[0](found).unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)


class Downsampler(nn.Module):
    """Features (B, C, h, w) to (B, C, h/2, w/2): padded below and to the right."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsampler(nn.Module):
    """Features (B, C, h, w) to (B, C, 2h, 2w): each position as four, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return doubled(x, self.conv)


class Stage(nn.Module):
    """The residual blocks of one resolution, and the step to the next one if there is any."""

    def __init__(
        self, widths: tuple[int, int], blocks: int, plan: SpatialPlan, step: nn.Module | None, name: str
    ) -> None:
        """widths: channels that come in and go out. name: of the list that holds the step."""
        super().__init__()
        first, width = widths
        self.resnets = nn.ModuleList([ResnetBlock(width if i else first, width, plan) for i in range(blocks)])
        if step is not None:
            self.add_module(name, nn.ModuleList([step]))

    def forward(self, x: Tensor) -> Tensor:
        for part in self.children():
            for layer in part.children():
                x = layer(x)
        return x


class Middle(nn.Module):
    """Two residual blocks at the lowest resolution, with an attention between them if there is one."""

    def __init__(self, width: int, plan: SpatialPlan) -> None:
        super().__init__()
        self.attentions = nn.ModuleList([Attention(width, plan)] if plan.attention else [])
        self.resnets = nn.ModuleList([ResnetBlock(width, width, plan) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.resnets[0](x)
        for attention in self.attentions:
            x = attention(x)
        return self.resnets[1](x)


class SpatialEncoder(nn.Module):
    """Pictures (B, C, H, W) in [0, 1] to posterior parameters (B, 2c, H/f, W/f): means, then log-variances."""

    def __init__(self, channels: int, plan: SpatialPlan) -> None:
        super().__init__()
        self.plan, widths = plan, plan.widths
        self.conv_in = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(
            Stage(
                (before, width), plan.blocks, plan, Downsampler(width) if i + 1 < len(widths) else None, "downsamplers"
            )
            for i, (before, width) in enumerate(zip((widths[0], *widths), widths, strict=False))
        )
        self.mid_block = Middle(widths[-1], plan)
        self.conv_norm_out = _norm(widths[-1], plan)
        self.conv_out = nn.Conv2d(widths[-1], 2 * plan.latents, 3, padding=1)
        self.quant_conv = nn.Conv2d(2 * plan.latents, 2 * plan.latents, 1)
        channels_last(self)

    @property
    def reach(self) -> int | None:
        """How many latents away, at most, are the pixels that a latent depends on; None with an attention."""
        if self.plan.attention:
            return None
        pixels = 1 + sum(2**i * 2 * (self.plan.blocks + 1) for i in range(len(self.plan.widths) - 1))
        return -(-pixels // self.plan.factor) + 2 * self.plan.blocks + 5

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(in_channels_last(2 * x - 1))
        for stage in self.down_blocks:
            x = stage(x)
        x = self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))
        return pointwise(x, self.quant_conv.weight, self.quant_conv.bias)


class SpatialDecoder(nn.Module):
    """Latents (B, c, h, w) to likelihood parameters (B, P, f·h, f·w), from [-1, 1] inside to [0, 1] outside."""

    def __init__(self, output_channels: int, plan: SpatialPlan) -> None:
        super().__init__()
        self.plan, widths = plan, plan.widths[::-1]
        self.post_quant_conv = nn.Conv2d(plan.latents, plan.latents, 1)
        self.conv_in = nn.Conv2d(plan.latents, widths[0], 3, padding=1)
        self.mid_block = Middle(widths[0], plan)
        self.up_blocks = nn.ModuleList(
            Stage(
                (before, width), plan.blocks + 1, plan, Upsampler(width) if i + 1 < len(widths) else None, "upsamplers"
            )
            for i, (before, width) in enumerate(zip((widths[0], *widths), widths, strict=False))
        )
        self.conv_norm_out = _norm(widths[-1], plan)
        self.conv_out = nn.Conv2d(widths[-1], output_channels, 3, padding=1)
        channels_last(self)

    @property
    def reach(self) -> int | None:
        """How many latents away, at most, are those that a pixel depends on; None with an attention."""
        if self.plan.attention:
            return None
        inside = 2 * (self.plan.blocks + 1)
        shares = [(inside + 1) / 2**i for i in range(1, len(self.plan.widths))]
        return 5 + inside + math.ceil(sum(shares) + 1 / self.plan.factor)

    def forward(self, z: Tensor) -> Tensor:
        x = pointwise(in_channels_last(z), self.post_quant_conv.weight, self.post_quant_conv.bias)
        x = self.mid_block(self.conv_in(x))
        for stage in self.up_blocks:
            x = stage(x)
        return 0.5 + 0.5 * self.conv_out(F.silu(self.conv_norm_out(x)))


MOVED = (("encoder.quant_conv.", "quant_conv."), ("decoder.post_quant_conv.", "post_quant_conv."))
"""prefixes of names here, and in diffusers, where encoder and decoder do not hold these two"""
OLDER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""names in attentions of older files"""


def released(name: str) -> str | None:
    """A tensor's name in diffusers' AutoencoderKL, by its name in a `SpatialVAE`; None of what is in neither network."""
    for own, theirs in MOVED:
        if name.startswith(own):
            return theirs + name.removeprefix(own)
    return name if name.startswith(("encoder.", "decoder.")) else None


def ours(name: str) -> str:
    """The inverse of `released`; attentions may have their older names."""
    for own, theirs in MOVED:
        if name.startswith(theirs):
            return own + name.removeprefix(theirs)
    *path, layer, kind = name.split(".")
    return ".".join((*path, OLDER.get(layer, layer), kind)) if "attentions" in path else name
