"""Residual encoder and decoder over patches: most of their work is in large matrix products, which CPUs do fast.

An image is cut into patches of 4×4 pixels, each embedded by one linear map (Dosovitskiy et al., 2021). Fully connected residual
blocks then see all patches together: x + B·silu(A·norm(x)), the ResNet that Gorishniy et al. (2021) compare on tables, with
layer normalisation and SiLU in place of batch normalisation and ReLU. The decoder ends in a 3×3 convolution over patches whose
channels are the pixels of each (sub-pixel convolution; Shi et al., 2016). Both sides of an image are multiples of 4.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from kelbo.networks.layers import Layers, channels_last, in_channels_last
from kelbo.networks.sizes import PATCH

Shape = tuple[int, int, int]


class ResidualBlock(nn.Module):
    """x (B, W) to x + two linear layers of the normalised x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.added = Layers(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.added(x)


class PatchEmbedding(nn.Module):
    """Images (B, C, H, W) in [0, 1] to the embeddings of their patches, (B, channels · H/4 · W/4)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Conv2d(channels_in, channels, PATCH, stride=PATCH)

    def forward(self, x: Tensor) -> Tensor:
        centred = 2 * in_channels_last(x) - 1
        return F.silu(self.embedding(centred)).flatten(1)


class ResidualEncoder(nn.Module):
    """Images (B, C, H, W) to posterior parameters (B, 2K): embedded patches, then one residual block."""

    def __init__(self, shape: Shape, latents: int, channels: int = 16, width: int = 256, given: int = 0) -> None:
        super().__init__()
        embedded = channels * (shape[1] // PATCH) * (shape[2] // PATCH)
        self.features = PatchEmbedding(shape[0], channels)
        self.head = Layers(
            nn.Linear(embedded + given, width),
            ResidualBlock(width),
            nn.LayerNorm(width),
            nn.SiLU(),
            nn.Linear(width, 2 * latents),
        )
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class ResidualDecoder(nn.Module):
    """Latents (B, K) to likelihood parameters (B, P, H, W): two residual blocks, a map over patches, their pixels."""

    def __init__(self, shape: Shape, latents: int, output_channels: int, channels: int = 16, width: int = 256) -> None:
        super().__init__()
        self.start = (shape[1] // PATCH, shape[2] // PATCH, channels)
        self.head = Layers(
            nn.Linear(latents, width),
            ResidualBlock(width),
            ResidualBlock(width),
            nn.LayerNorm(width),
            nn.SiLU(),
            nn.Linear(width, self.start[0] * self.start[1] * channels),
            nn.SiLU(),
        )
        self.pixels = nn.Conv2d(channels, output_channels * PATCH**2, 3, padding=1)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        patches = self.head(z).unflatten(1, self.start).movedim(3, 1)  # channels-last as it is
        return F.pixel_shuffle(self.pixels(patches), PATCH)
