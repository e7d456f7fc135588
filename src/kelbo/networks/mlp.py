"""Fully connected encoder and decoder of the β-VAE paper (Higgins et al., 2017, table 1), for examples of any shape."""

from __future__ import annotations

import math

from torch import Tensor, nn

from kelbo.networks.layers import Layers


class HigginsEncoder(Layers):
    """Examples (B, *shape) to posterior parameters (B, 2K): two hidden layers of `width`, ReLU.

    given: how many numbers it is told beside each: see `GivenEncoder`.
    """

    def __init__(self, shape: tuple[int, ...], latents: int, width: int = 1200, given: int = 0) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(math.prod(shape) + given, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, 2 * latents),
        )


class HigginsDecoder(nn.Module):
    """Latents (B, K) to likelihood parameters (B, P, *shape[1:]): three hidden layers of `width`, tanh, a linear output."""

    def __init__(self, shape: tuple[int, ...], latents: int, output_channels: int, width: int = 1200) -> None:
        super().__init__()
        self.output_shape = (output_channels, *shape[1:])
        self.layers = Layers(
            nn.Linear(latents, width),
            nn.Tanh(),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, math.prod(self.output_shape)),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).unflatten(1, self.output_shape)
