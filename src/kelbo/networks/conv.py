"""Convolutional encoders and decoders.

`Burgess*` is the network of "Understanding disentangling in β-VAE" (Burgess et al., 2018, appendix A.1); the number of stride-2
layers depends on the size, four at its 64×64. `Rybkin*` is the 28×28 network of the σ-VAE release (Rybkin et al., 2021), whose
decoder has no activation after its first linear layer; sides may be any multiples of 4. `sizes.py` defines which sizes fit.
`given` is how many numbers an encoder's head takes beside the last convolution's features: see `GivenEncoder`.

Feature maps are kept channels-last, the fastest layout for convolutions on CPUs and GPUs.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from kelbo.networks.layers import Layers, channels_last, in_channels_last
from kelbo.networks.sizes import halvings

Shape = tuple[int, int, int]


class BurgessEncoder(nn.Module):
    """Images (B, C, H, W) to posterior parameters (B, 2K): 4×4 convolutions of stride 2, two linear layers of `hidden`."""

    def __init__(self, shape: Shape, latents: int, channels: int = 32, hidden: int = 256, given: int = 0) -> None:
        super().__init__()
        count = halvings(*shape[1:])
        final = (shape[1] >> count) * (shape[2] >> count)
        self.features = Layers()
        for before, after in pairwise([shape[0]] + [channels] * count):
            self.features += nn.Sequential(nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU(inplace=True))
        self.head = Layers(
            nn.Flatten(),
            nn.Linear(channels * final + given, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, 2 * latents),
        )
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(in_channels_last(x)))


class BurgessDecoder(nn.Module):
    """Latents (B, K) to likelihood parameters (B, P, H, W): the encoder mirrored, a linear output."""

    def __init__(self, shape: Shape, latents: int, output_channels: int, channels: int = 32, hidden: int = 256) -> None:
        super().__init__()
        count = halvings(*shape[1:])
        self.start = (channels, shape[1] >> count, shape[2] >> count)
        self.head = Layers(
            nn.Linear(latents, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, math.prod(self.start)),
            nn.ReLU(inplace=True),
        )
        self.features = Layers()
        for _ in range(count - 1):
            self.features += nn.Sequential(
                nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1), nn.ReLU(inplace=True)
            )
        self.features.append(nn.ConvTranspose2d(channels, output_channels, 4, stride=2, padding=1))
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        start = self.head(z).unflatten(1, self.start)
        return self.features(in_channels_last(start))


class RybkinEncoder(nn.Module):
    """Images (B, C, H, W) to posterior parameters (B, 2K): convolutions 3×3 (32), 4×4 (64), 5×5 (128). 4 divides H and W."""

    def __init__(self, shape: Shape, latents: int, channels: int = 32, given: int = 0) -> None:
        super().__init__()
        self.features = Layers(
            nn.Conv2d(shape[0], channels, 3, stride=1, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * channels, 4 * channels, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
        )
        final = 4 * channels * (shape[1] // 4) * (shape[2] // 4)
        self.head = Layers(nn.Flatten(), nn.Linear(final + given, 2 * latents))
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(in_channels_last(x)))


class RybkinDecoder(nn.Module):
    """Latents (B, K) to likelihood parameters (B, P, *size): a linear layer, then transposed convolutions 6×6, 6×6 and 5×5."""

    def __init__(
        self, latents: int, output_channels: int, channels: int = 32, size: tuple[int, int] = (28, 28)
    ) -> None:
        super().__init__()
        self.start = (4 * channels, size[0] // 4, size[1] // 4)
        self.head = nn.Linear(latents, math.prod(self.start))
        self.features = Layers(
            nn.ConvTranspose2d(4 * channels, 2 * channels, 6, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * channels, channels, 6, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(channels, output_channels, 5, stride=1, padding=2),
        )
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        start = self.head(z).unflatten(1, self.start)
        return self.features(in_channels_last(start))
