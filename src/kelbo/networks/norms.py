"""Normalising layers that networks may choose among, and batch normalisation over all processes."""

from __future__ import annotations

import math
from typing import Literal

import torch
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


def norm(kind: Norm, channels: int, vector: bool = False) -> list[nn.Module]:
    """The layer of that kind, for maps of so many channels or for a vector; [] for none."""
    if kind == "batch":
        return [BatchNorm(channels)]
    if kind == "group":
        return [nn.LayerNorm(channels) if vector else nn.GroupNorm(math.gcd(channels, GROUPS), channels)]
    return []
