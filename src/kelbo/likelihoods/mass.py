"""What the mass functions share: a number of levels."""

from __future__ import annotations

from torch import Tensor

from kelbo import units
from kelbo.errors import RecipeError
from kelbo.protocols import Likelihood


class Mass(Likelihood):
    """The family: every pixel is one of the integer levels 0 … levels-1, seen as an intensity level / (levels - 1)."""

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

    def intensity(self, level: Tensor) -> Tensor:
        """The intensities (float32) of integer levels."""
        return units.intensities(level, self.levels)


def depth(bits: int) -> int:
    """The number of levels of pixels of so many bits. Raises RecipeError outside of 1 to 8."""
    if not 1 <= bits <= 8:
        raise RecipeError(f"likelihood.bits must be 1 to 8; got {bits}.")
    return 2**bits
