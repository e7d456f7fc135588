"""The convolutions of VGG16 (Simonyan & Zisserman, 2015) in plain PyTorch, with torchvision's names."""

from __future__ import annotations

from torch import Tensor, nn

POOL = 0
WIDTHS = (64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL, 512, 512, 512, POOL, 512, 512, 512)
"""output channels of the convolutions, each with a ReLU after it, and poolings between"""
TAPPED = (3, 8, 15, 22, 29)
"""the layers whose features are compared: the last ReLU at each resolution"""


class Vgg16(nn.Module):
    """Images (B, 3, H, W), standardised as its training's were, to the features of five resolutions. It is not trained."""

    def __init__(self) -> None:
        super().__init__()
        layers, before = list[nn.Module](), 3
        for width in WIDTHS:
            if width == POOL:
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(inplace=True)]
                before = width
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in TAPPED:
                found.append(x)
        return found
