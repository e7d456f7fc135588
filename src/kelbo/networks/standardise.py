"""Rows of a table as a network takes them."""

from __future__ import annotations

from torch import Tensor, nn


class Standardise(nn.Module):
    """Rows (B, D) in their columns' own units to (x - mean) / scale. mean, scale: (D,), kept with the weights."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float().clone())
        self.register_buffer("scale", scale.float().clone())

    def forward(self, x: Tensor) -> Tensor:
        return (x.float() - self.mean) / self.scale
