"""The base class of mass functions over levels."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from kelbo import units
from kelbo.errors import RecipeError
from kelbo.likelihoods.heads import require_shape
from kelbo.protocols import Likelihood


class Mass(Likelihood):
    """Base class: every pixel is one of the integer levels 0 … levels-1, given as the intensity level / (levels - 1)."""

    kind = "mass"
    support = "levels"

    def __init__(self, levels: int) -> None:
        super().__init__()
        if levels < 2:
            raise RecipeError(f"likelihood.levels must be at least 2; got {levels}.")
        self._levels = levels

    @property
    def levels(self) -> int:
        return self._levels

    def level(self, x: Tensor) -> Tensor:
        """The integer levels (int64) of intensities x."""
        return units.levels(x.float(), self.levels)

    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        """A step function of x. An intensity less than a thousandth of a level below a level counts as that level."""
        require_shape(self, x, output)
        place = x.float() * (self.levels - 1)
        level = torch.ceil(place - 1e-3) - 1 if strict else torch.floor(place + 1e-3)
        within = self.cumulative(level.clamp(0, self.levels - 2).long(), x, output)
        return torch.where(level < 0, 0.0, torch.where(level < self.levels - 1, within, 1.0))

    @abstractmethod
    def cumulative(self, level: Tensor, x: Tensor, output: Tensor) -> Tensor:
        """P(K <= level | z) of each pixel's level K, at levels 0 … levels-2, int64 (B, C, *event).

        x: the observed image, on whose earlier channels a channel may depend.
        """

    def intensity(self, level: Tensor) -> Tensor:
        """The intensities (float32) of integer levels."""
        return units.intensities(level, self.levels)


def depth(bits: int) -> int:
    """The number of levels of pixels with that many bits. Raises RecipeError if bits is not 1 to 8."""
    if not 1 <= bits <= 8:
        raise RecipeError(f"likelihood.bits must be 1 to 8; got {bits}.")
    return 2**bits
