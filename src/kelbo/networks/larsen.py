"""The networks of VAE/GAN (Larsen et al., 2016, table 1): encoder, decoder and discriminator of 5×5 convolutions.

There are two sets of channels: of the paper's 64×64, for sides from `LARGE` on, and of the release's 32×32.
Both sides are multiples of 8, since all three networks halve or double them three times. Images are in [0, 1], which the
networks see as [-1, 1]. A convolution or linear layer before a norm has no bias. `width` multiplies all numbers of channels and
hidden units. `given` is how many numbers the networks are told beside the example: the encoder and the discriminator
beside their last convolution's features, the decoder beside the latents.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from kelbo.networks.discriminator import Discriminator, spectrally_normed
from kelbo.networks.layers import Layers, channels_last, in_channels_last
from kelbo.networks.norms import Norm, norm
from kelbo.networks.sizes import larsen_fits, near

Shape = tuple[int, int, int]

KERNEL, HALVINGS, LARGE = 5, 3, 48
ENCODER = (64, 128, 256)
DECODER = {True: (256, 256, 128, 32), False: (256, 192, 128, 32)}
DISCRIMINATOR = {True: (32, 128, 256, 256), False: (32, 128, 192, 256)}
USUAL_TAP = {True: "strided3", False: "strided2"}
"""where the release compares features: of the third strided convolution, or the second at 32×32, before norm and ReLU"""
HIDDEN_OF_DISCRIMINATOR = 512


class Centred(nn.Module):
    """Intensities in [0, 1] to [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * in_channels_last(x) - 1


class LarsenEncoder(nn.Module):
    """Images (B, C, H, W) to posterior parameters (B, 2K).

    hidden: units of the linear layer, 2048 in the paper and 1024 in the release.
    """

    def __init__(
        self,
        shape: Shape,
        latents: int,
        hidden: int = 2048,
        width: float = 1.0,
        given: int = 0,
        norms: Norm = "batch",
    ) -> None:
        super().__init__()
        final = _final(shape)
        channels = _scaled(ENCODER, width)
        self.features = Layers(Centred())
        for before, after in pairwise([shape[0], *channels]):
            self.features += nn.Sequential(_convolution(before, after, 2, norms), *norm(norms, after), _relu(norms))
        (hidden,) = _scaled((hidden,), width)
        self.head = Layers(
            nn.Flatten(),
            nn.Linear(channels[-1] * math.prod(final) + given, hidden, bias=norms == "none"),
            *norm(norms, hidden, vector=True),
            _relu(norms),
            nn.Linear(hidden, 2 * latents),
        )
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class LarsenDecoder(nn.Module):
    """Latents (B, K) to likelihood parameters (B, P, H, W): a linear layer, three transposed convolutions, a convolution."""

    def __init__(
        self, shape: Shape, latents: int, output_channels: int, width: float = 1.0, norms: Norm = "batch"
    ) -> None:
        super().__init__()
        channels = _scaled(DECODER[_large(shape)], width)
        self.start = (channels[0], *_final(shape))
        size = math.prod(self.start)
        self.head = Layers(
            nn.Linear(latents, size, bias=norms == "none"), *norm(norms, size, vector=True), _relu(norms)
        )
        self.features = Layers()
        for before, after in pairwise(channels):
            doubling = nn.ConvTranspose2d(before, after, KERNEL, 2, KERNEL // 2, 1, bias=norms == "none")
            self.features += nn.Sequential(doubling, *norm(norms, after), _relu(norms))
        self.last = nn.Conv2d(channels[-1], output_channels, KERNEL, padding=KERNEL // 2)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.last(self.features(in_channels_last(self.head(z).unflatten(1, self.start))))


def larsen_discriminator(
    shape: Shape, width: float = 1.0, given: int = 0, norms: Norm = "batch", spectral: bool = False
) -> Discriminator:
    """Images (B, C, H, W) to one logit each. The first of four convolutions keeps the size and has no norm.

    Taps: first, then of each of the three others its output (strided1 …) and that after norm and ReLU (normed1 …). spectral:
    all weights are normalised by their largest singular value.
    """
    channels = _scaled(DISCRIMINATOR[_large(shape)], width)
    (hidden,) = _scaled((HIDDEN_OF_DISCRIMINATOR,), width)
    first = nn.Conv2d(shape[0], channels[0], KERNEL, padding=KERNEL // 2)
    stages: dict[str, nn.Module] = {"first": Layers(Centred(), first, nn.ReLU(inplace=True))}
    for number, (before, after) in enumerate(pairwise(channels), 1):
        stages[f"strided{number}"] = _convolution(before, after, 2, norms)
        # features that a tap gives must stay as they are
        stages[f"normed{number}"] = Layers(*norm(norms, after), _relu(norms))
    head = Layers(
        nn.Linear(channels[-1] * math.prod(_final(shape)) + given, hidden, bias=norms == "none"),
        *norm(norms, hidden, vector=True),
        _relu(norms),
        nn.Linear(hidden, 1),
    )
    network = Discriminator(stages, head, USUAL_TAP[_large(shape)])
    channels_last(network)
    if spectral:
        spectrally_normed(network)
    return network


def _convolution(before: int, after: int, stride: int, norms: Norm) -> nn.Conv2d:
    return nn.Conv2d(before, after, KERNEL, stride, KERNEL // 2, bias=norms == "none")


def _relu(norms: Norm) -> nn.ReLU:
    """In place on what a norm has made."""
    return nn.ReLU(inplace=norms != "none")


def _scaled(channels: tuple[int, ...], width: float) -> tuple[int, ...]:
    return tuple(max(1, round(count * width)) for count in channels)


def _final(shape: Shape) -> tuple[int, int]:
    """The size after three halvings. ValueError for sizes that do not fit."""
    _, height, width = shape
    if not larsen_fits(height, width):
        raise ValueError(
            f"Larsen's networks cannot halve {height}×{width} images; sizes that fit: {near(larsen_fits, height, width)}."
        )
    return height >> HALVINGS, width >> HALVINGS


def _large(shape: Shape) -> bool:
    return min(shape[1:]) >= LARGE
