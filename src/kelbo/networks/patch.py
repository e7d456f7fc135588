"""The discriminator of patches (Isola et al., 2017), as the autoencoders of VQGAN and latent diffusion have it."""

from __future__ import annotations

from torch import Tensor, nn

from kelbo.networks.discriminator import Discriminator, spectrally_normed
from kelbo.networks.larsen import Centred
from kelbo.networks.layers import Layers, channels_last
from kelbo.networks.norms import Norm, norm

KERNEL, SLOPE = 4, 0.2
MOST_WIDTHS = 8
"""times the first convolution's channels is the most that a later one has"""
FIRST_SCALE = 0.02
"""standard deviation of weights at first: of convolutions around 0, of norms around 1"""


class PatchDiscriminator(Discriminator):
    """Images (B, C, H, W) in [0, 1] to logits (B, 1, h, w), one for each patch of the image.

    Convolutions 4×4, each with padding 1, so an image of H pixels has H/8 - 2 patches a side after three layers: of stride 2,
    but for the last two. Leaky ReLUs after all but the last, norms after all but the first and the last. Taps: layer0, layer1 …
    layers: how many strided ones. spectral: all weights are divided by their largest singular value.
    """

    def __init__(
        self, channels: int, width: int = 64, layers: int = 3, norms: Norm = "batch", spectral: bool = False
    ) -> None:
        widths = [min(2**number, MOST_WIDTHS) * width for number in range(layers + 1)]
        stages: dict[str, nn.Module] = {
            "layer0": Layers(Centred(), nn.Conv2d(channels, width, KERNEL, 2, 1), nn.LeakyReLU(SLOPE))
        }
        for number in range(1, layers + 1):
            stride = 2 if number < layers else 1
            convolution = nn.Conv2d(widths[number - 1], widths[number], KERNEL, stride, 1, bias=norms == "none")
            stages[f"layer{number}"] = Layers(convolution, *norm(norms, widths[number]), nn.LeakyReLU(SLOPE))
        super().__init__(stages, nn.Conv2d(widths[-1], 1, KERNEL, 1, 1), f"layer{layers}")
        for module in self.modules():
            _begin(module)
        channels_last(self)
        if spectral:
            spectrally_normed(self)

    def judged(self, features: Tensor, given: Tensor | None) -> Tensor:
        if given is not None:
            raise ValueError("A discriminator of patches judges images alone; it takes nothing that is given of them.")
        return self.head(features)


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, FIRST_SCALE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.modules.batchnorm._BatchNorm):
        nn.init.normal_(module.weight, 1.0, FIRST_SCALE)


def patches(height: int, width: int, layers: int = 3) -> tuple[int, int]:
    """How many patches an image has in each direction; 0 or less if it is too small."""
    return (height >> layers) - 2, (width >> layers) - 2
