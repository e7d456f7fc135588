"""Training images changed at random: flipped, moved and blurred, by draws that depend on the seed and the step alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kelbo.seeds import generator


@dataclass(frozen=True)
class Augmentation:
    """What is done to a batch of training images, levels (B, …, H, W); all frames of a clip are changed alike.

    flip   left and right are exchanged in half of the images
    shift  images are moved by up to this many pixels along each axis, all whole numbers being as likely; the edge is repeated
    blur   σ in pixels of a Gaussian with which all are blurred before, rounded to levels; the edge is repeated
    """

    flip: bool = False
    shift: int = 0
    blur: float = 0.0

    def __call__(self, images: Tensor, seed: int, step: int, size: int, first: int = 0) -> Tensor:
        """The images at `first` … of a batch of `size`, number `step`, changed. The draws are those of the whole batch, so
        several processes change it as one does.
        """
        draws, rows = generator(seed, "augment", step), slice(first, first + len(images))
        flipped = (torch.rand(size, generator=draws) < 0.5)[rows]
        moved = torch.randint(-self.shift, self.shift + 1, (2, size), generator=draws)[:, rows]
        images = blurred(images, self.blur) if self.blur else images
        if not (self.flip or self.shift):
            return images
        height, width = images.shape[-2:]
        across = _places(width, moved[1])
        if self.flip:
            across = torch.where(flipped[:, None], width - 1 - across, across)
        return _taken(_taken(images, _places(height, moved[0]), -2), across, -1)

    @property
    def words(self) -> str:
        """What is done, for people: "flipped at random, moved by up to 2 pixels"; "" if nothing is."""
        done = [f"blurred (σ = {self.blur:g} pixels)"] if self.blur else []
        done += ["flipped at random"] if self.flip else []
        done += [f"moved by up to {self.shift} pixel{'s' * (self.shift > 1)}"] if self.shift else []
        return ", ".join(done)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Levels (…, H, W) blurred by a Gaussian of up to 3 σ to either side, and rounded.

    Sums over shifted copies, not a convolution: these are the same whatever other images are in the batch.
    """
    reach = max(1, math.floor(3 * sigma + 0.5))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)
    found = images.float()
    for axis in (-2, -1):
        size, whole = found.shape[axis], found
        found = torch.zeros_like(whole)
        for offset, weight in zip(range(-reach, reach + 1), (weights / weights.sum()).tolist(), strict=True):
            places = (torch.arange(size, device=whole.device) + offset).clamp(0, size - 1)
            found = found + weight * whole.index_select(axis, places)
    return found.round().to(images.dtype)


def _places(size: int, moved: Tensor) -> Tensor:
    """From where each pixel of a moved axis comes, int64 (B, size)."""
    return (torch.arange(size) - moved[:, None]).clamp(0, size - 1)


def _taken(images: Tensor, places: Tensor, axis: int) -> Tensor:
    """Images (B, …, H, W) with the pixels along an axis taken from other places (B, size) of it."""
    shape = [len(images), *[1] * (images.ndim - 1)]
    shape[axis] = places.shape[1]
    return images.gather(axis, places.to(images.device).view(shape).expand(images.shape))
