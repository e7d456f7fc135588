"""Feature networks: from images to features, with a fingerprint of everything that the features depend on.

All networks get images in the same way: 8 bits a value, grey repeated to RGB if the network needs RGB, resized, and scaled to
the network's range. A decoder's float images are first clipped to [0, 1] and rounded to 8 bits, as in a file, so that real and
generated images differ only in content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kelbo.data.batches import passes
from kelbo.data.images import Images
from kelbo.errors import ScoreError
from kelbo.shortage import raise_shortage
from kelbo.units import intensities

Shape = tuple[int, int, int]
Resize = Literal["none", "network", "legacy", "antialiased"]
Values = Literal["levels", "unit", "signed", "imagenet"]

MEANS_AND_SCALES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "levels": ((0.0,), (1.0,)),
    "unit": ((0.0,), (255.0,)),
    "signed": ((127.5,), (127.5,)),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
"""subtrahend and divisor of values 0 … 255, for inputs in 0 … 255, [0, 1], [-1, 1], or standardised as ImageNet's"""


@dataclass(frozen=True)
class Preparation:
    """How images become a network's input.

    channels  the network's; grey images are repeated to 3. None: those of the images
    size      height and width of the input. None: those of the images
    resize    "legacy": bilinear without antialiasing (torch's `interpolate`, half-pixel centres), as pytorch-fid does;
              "antialiased": bicubic with antialiasing, clipped to 0 … 255, as clean-fid and Pillow do; "network": the
              network resizes; "none": images must already have the size
    values    of the input: "levels" 0 … 255, "unit" [0, 1], "signed" [-1, 1], "imagenet" standardised
    """

    channels: int | None = None
    size: tuple[int, int] | None = None
    resize: Resize = "none"
    values: Values = "unit"

    def __post_init__(self) -> None:
        if self.values not in MEANS_AND_SCALES:
            raise ScoreError(f"values must be one of {', '.join(MEANS_AND_SCALES)}; got {self.values!r}.")
        if self.resize not in ("none", "network", "legacy", "antialiased"):
            raise ScoreError(f"resize must be none, network, legacy or antialiased; got {self.resize!r}.")

    def __call__(self, images: Tensor, levels: int = 256) -> Tensor:
        """From levels (integers 0 … levels-1) or intensities (floats), (B, C, H, W), to the network's input, float32."""
        x = self._sized(self._coloured(eight_bits(images, levels)).float())
        mean, scale = (torch.tensor(part, device=x.device)[:, None, None] for part in MEANS_AND_SCALES[self.values])
        return (x - mean) / scale

    def _coloured(self, x: Tensor) -> Tensor:
        if self.channels in (None, x.shape[1]):
            return x
        if x.shape[1] == 1 and self.channels == 3:
            return x.expand(-1, 3, -1, -1)
        raise ScoreError(f"The network needs images of {self.channels} channels; these have {x.shape[1]}.")

    def _sized(self, x: Tensor) -> Tensor:
        if self.size is None and self.resize in ("legacy", "antialiased"):
            raise ScoreError(f"resize {self.resize!r} needs size, the height and width of the network's input.")
        if self.size is None or self.resize == "network" or tuple(x.shape[2:]) == self.size:
            return x
        if self.resize == "legacy":
            return F.interpolate(x, self.size, mode="bilinear", align_corners=False)
        if self.resize == "antialiased":
            return F.interpolate(x, self.size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 255)
        wanted, got = ("×".join(map(str, size)) for size in (self.size, x.shape[2:]))
        raise ScoreError(f"The network needs images of {wanted} pixels; these have {got}. Set resize.")


def eight_bits(images: Tensor, levels: int = 256) -> Tensor:
    """Levels 0 … levels-1 (integers) or intensities (floats, clipped to [0, 1]), (B, C, H, W), as uint8 0 … 255.

    Raises ScoreError if they have another rank, a level is out of range or an intensity is not finite.
    """
    if images.ndim != 4:
        raise ScoreError(f"Images must have the shape (B, C, H, W); got {tuple(images.shape)}.")
    if images.is_floating_point():
        if not torch.isfinite(images).all():
            raise ScoreError("Some images have values that are not finite. Find out why the model gives them.")
        return (images.clamp(0, 1) * 255).round().to(torch.uint8)
    if images.dtype == torch.uint8 and levels == 256:
        return images
    if images.numel() and (images.min() < 0 or images.max() >= levels):
        raise ScoreError(f"Levels must be 0 to {levels - 1}; got {int(images.min())} to {int(images.max())}.")
    return (intensities(images, levels) * 255).round().to(torch.uint8)


@dataclass(frozen=True)
class FeatureNetwork:
    """Images (B, C, H, W) of one `shape` to features (B, dims), float32, on `device`. Made by `open_network`.

    name      for reports
    run       from prepared input (B, C, H, W) to features (B, dims)
    weights   SHA-256 of the weights' file, or of the tensors if there is no file
    official  whether these are the published weights that define "FID"
    about     further entries of the fingerprint (a classifier's accuracy, for example), as JSON values
    """

    name: str
    run: Callable[[Tensor], Tensor]
    preparation: Preparation
    weights: str
    shape: Shape
    device: torch.device
    dims: int
    official: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, images: Tensor, levels: int = 256) -> Tensor:
        """Features of levels (integers 0 … levels-1) or intensities (floats).

        Raises ScoreError as `eight_bits` does, and if the images have another shape, or the features are not (B, dims) or not
        finite.
        """
        if tuple(images.shape[1:]) != self.shape:
            raise ScoreError(f"{self.name} was opened for images {self.shape}; got {tuple(images.shape)}.")
        features = _features(self.name, self.run, self.preparation(images.to(self.device), levels))
        if features.shape[1] != self.dims:
            raise ScoreError(
                f"{self.name} must give {self.dims} features, as for its first batch; got {features.shape[1]}."
            )
        return features

    @property
    def distance(self) -> str:
        """The name of a Fréchet distance over these features; only that of the published weights is called "FID"."""
        if not self.official:
            return f"Fréchet distance ({self.name})"
        return "FID" if self.preparation.resize == "network" else f"FID ({self.preparation.resize} resize)"

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Everything that the features of an image depend on, as JSON values."""
        how = self.preparation
        return {
            "name": self.name,
            "weights": self.weights,
            "resize": how.resize,
            "size": None if how.size is None else list(how.size),
            "grey_to_rgb": self.shape[0] == 1 and how.channels == 3,
            "quantised": True,
            "values": how.values,
            "dims": self.dims,
            **self.about,
        }


def open_network(
    name: str,
    run: Callable[[Tensor], Tensor],
    preparation: Preparation,
    weights: str,
    shape: Shape,
    device: torch.device,
    *,
    official: bool = False,
    about: Mapping[str, Any] | None = None,
) -> FeatureNetwork:
    """A feature network, first run on two black images of `shape`, so that errors appear before anything is measured.

    Raises ScoreError if the network cannot take such images, or its output is not (B, d) and finite.
    """
    black = preparation(torch.zeros(2, *shape, dtype=torch.uint8, device=device))
    try:
        features = _features(name, run, black)
    except RuntimeError as error:  # any error of a third-party network; its last line says most
        raise_shortage(error, f"the features of {name}")
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise ScoreError(
            f"{name} cannot take input of shape {tuple(black.shape[1:])}, which images {shape} become: {reason} "
            "Set size and resize to what the network needs."
        ) from error
    return FeatureNetwork(
        name, run, preparation, weights, shape, device, features.shape[1], official=official, about=about or {}
    )


def _features(name: str, run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.no_grad():
        features = run(x)
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(x) or features.shape[1] == 0:
        got = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise ScoreError(f"{name} must give features of shape ({len(x)}, d) for {len(x)} images; got {got}.")
    if not torch.isfinite(features).all():
        raise ScoreError(f"{name} gives features that are not finite. Check its weights and its range of values.")
    return features.float()


def features_of(
    network: FeatureNetwork, images: Images | Iterable[Tensor | np.ndarray], batch_size: int = 256
) -> np.ndarray:
    """Features of every image in order, float32 (N, dims).

    images: a split, or batches (B, C, H, W) of uint8 levels 0 … 255 or float intensities (samples, for example), read
    one at a time. Raises ScoreError as the network does, and if there are no images.
    """
    if isinstance(images, Images):
        parts = (network(batch.x, images.pixel_levels) for batch in passes(images, batch_size, network.device))
    else:
        parts = (network(torch.as_tensor(batch)) for batch in images)
    arrays = [part.cpu().numpy() for part in parts]
    if not arrays:
        raise ScoreError("There are no images to compute features of.")
    return np.concatenate(arrays)
