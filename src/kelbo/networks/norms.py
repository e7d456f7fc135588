"""Normalising layers that networks may choose among: over groups of channels, positions, or batches of all processes."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kelbo.distributed.collectives import mean_over_processes, processes

Norm = Literal["batch", "group", "none"]
"""batch: by a batch's statistics; group: by those of groups of an example's channels (a vector is one group)"""

EPSILON, MOMENTUM = 1e-6, 0.1
"""of batch normalisation as in the VAE/GAN's release, whose momentum is what of the average stays, 0.9"""
GROUPS = 8
"""of group normalisation, or fewer if they do not divide the channels"""


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation of maps (B, C, H, W) or vectors (B, C).

    Of several processes, the statistics in training are those of all their batches, and so are the gradients: each then
    computes what one process with the whole batch would. Every process must pass the same layers in the same order. The
    gradient over several processes cannot be differentiated again.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, EPSILON, MOMENTUM)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 4):
            raise ValueError(f"Batch normalisation takes (B, C) or (B, C, H, W); got {tuple(input.shape)}.")

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or torch.compiler.is_compiling() or processes() == 1:
            return super().forward(input)
        with torch.autocast(input.device.type, enabled=False):
            return self._over_processes(input.float()).to(input.dtype)

    def _over_processes(self, x: Tensor) -> Tensor:
        axes, shape = ([0, 2, 3], (1, -1, 1, 1)) if x.ndim == 4 else ([0], (1, -1))
        mean = mean_over_processes(x.mean(axes))
        centred = x - mean.view(shape)
        variance = mean_over_processes(centred.square().mean(axes))
        self._track(mean.detach(), variance.detach(), processes() * x.numel() // x.shape[1])
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale.view(shape) + self.bias.view(shape)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, MOMENTUM)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), MOMENTUM)


class GroupNorm(nn.GroupNorm):
    """PyTorch's own, which `torch.vmap` can run too, and whose statistics can be given.

    given: (mean, variance) of each group, (B or 1, G, 1, 1, 1) each, in place of those of the features that come in.
    """

    given: tuple[Tensor, Tensor] | None = None

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each group of channels over all positions of x (B, C, h, w), (B, G, 1, 1, 1) each, float32."""
        grouped = x.float().unflatten(1, (self.num_groups, -1))
        variance, mean = torch.var_mean(grouped, (2, 3, 4), correction=0, keepdim=True)
        return mean, variance

    def forward(self, input: Tensor) -> Tensor:
        if self.given is None and not torch._C._are_functorch_transforms_active():
            return super().forward(input)
        mean, variance = self.statistics(input) if self.given is None else self.given
        grouped = (input.float().unflatten(1, (self.num_groups, -1)) - mean) * torch.rsqrt(variance + self.eps)
        weight, bias = (value[:, None, None] for value in (self.weight, self.bias))
        return (grouped.flatten(1, 2) * weight + bias).to(input.dtype)


class PositionNorm(nn.Module):
    """Features (B, C, h, w) normalised over the channels of each position, with a weight and a bias a channel."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps).permute(
            0, 3, 1, 2
        )


def norm(kind: Norm, channels: int, vector: bool = False) -> list[nn.Module]:
    """The layer of that kind, for maps of so many channels or for a vector; [] for none."""
    if kind == "batch":
        return [BatchNorm(channels)]
    if kind == "group":
        return [nn.LayerNorm(channels) if vector else GroupNorm(math.gcd(channels, GROUPS), channels)]
    return []
