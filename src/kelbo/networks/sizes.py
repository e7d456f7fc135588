"""The image sizes that networks take: those that stride-2 layers halve, or patches fill, without a remainder."""

from __future__ import annotations

from collections.abc import Callable

PATCH = 4
"""pixels of a side of a patch"""

Fits = Callable[[int, int], bool]
"""Whether a network takes images of this height and width."""


def halvings(height: int, width: int) -> int:
    """The number of stride-2 layers of the Burgess network: they reduce the shorter side, of at least 8 pixels, to 4–7 pixels.

    Four at the paper's 64×64, down to 4×4; two at 28×28, down to 7×7. Raises ValueError for sizes that do not fit.
    """
    if not burgess_fits(height, width):
        raise ValueError(
            f"The Burgess network cannot halve {height}×{width} images; sizes that fit: {near(burgess_fits, height, width)}."
        )
    return _halvings(height, width)


def _halvings(height: int, width: int) -> int:
    return (min(height, width) // 4).bit_length() - 1


def burgess_fits(height: int, width: int) -> bool:
    """Whether the sides are at least 8 and multiples of 2 to the number of stride-2 layers."""
    count = _halvings(height, width)
    return min(height, width) >= 8 and height % 2**count == width % 2**count == 0


def rybkin_fits(height: int, width: int) -> bool:
    """Whether both sides are multiples of 4, since the network halves them twice."""
    return min(height, width) >= 4 and height % 4 == width % 4 == 0


def larsen_fits(height: int, width: int) -> bool:
    """Whether both sides are multiples of 8, of at least 16, since three networks halve or double them three times."""
    return min(height, width) >= 16 and height % 8 == width % 8 == 0


def patches_fit(height: int, width: int) -> bool:
    """Whether both sides are multiples of 4, since the residual network cuts them into patches."""
    return min(height, width) >= PATCH and height % PATCH == width % PATCH == 0


def near(fits: Fits, height: int, width: int, count: int = 3) -> list[tuple[int, int]]:
    """Up to `count` sizes (height, width) that fit, the nearest first."""
    reach = max(8, min(height, width) // 4)
    sides = [range(max(4, side - reach), side + reach + 1) for side in (height, width)]
    found = [(h, w) for h in sides[0] for w in sides[1] if fits(h, w)]
    return sorted(found, key=lambda size: (abs(size[0] - height) + abs(size[1] - width), size))[:count]
