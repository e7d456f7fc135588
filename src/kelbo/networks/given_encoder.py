"""Encoders that are told something beside the example."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kelbo.networks.layers import in_channels_last


class GivenEncoder(nn.Module):
    """Examples and what is given of them, (B, A) numbers, to posterior parameters (B, 2K).

    features: examples to (B, …); head: these, flat, and the A numbers beside them, (B, D + A), to (B, 2K).
    """

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features, head

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        features = self.features(in_channels_last(x) if x.ndim == 4 else x).flatten(1)
        return self.head(torch.cat([features, given.to(features.dtype)], 1))
