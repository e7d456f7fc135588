"""All conversions between pixels, nats and bits. The only place with a `log 2` or a `log 256`.

Pixels are stored as integer *levels* 0 … L-1 (L = 256 for 8-bit images, 32 for 5-bit, 2 for binary ones); models get them as
float32 *intensities* level / (L-1) in [0, 1].

The nats of a density over intensities depend on the unit of length, so they do not compare across data sets. To compare, the
levels are dequantised (Theis et al., 2016): y = level + u with u ~ U[0, 1) lies on the scale [0, L), and -log p(y)
bounds the nats of the integers from above. An affine map takes the model's density to that scale:

- support "real":  v = (y - ½) / (L-1), so that the middle of each level's bin is the intensity the model was trained on;
- support "unit":  v = y / L, so that v stays inside [0, 1).

The rows of a table are real numbers, each column in its own unit: they have no levels, and models get them as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pages convert units without PyTorch
    from torch import Tensor


def counted(count: int, noun: str) -> str:
    """A count with its noun, in the plural if it is not 1: "1 image", "1,000 images"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def sized(count: int) -> str:
    """A number of bytes as text: "5.9 GB", "312 bytes"."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return counted(count, "byte")


def noun_of(event: Sequence[int]) -> str:
    """What an example of this shape is called: "row" of a vector (D,), "image" of all else."""
    return "row" if len(event) == 1 else "image"


def of_rows(text: str) -> str:
    """A sentence about images and their pixels as one about rows and their numbers. Not for names that a user gave."""
    for image, row in (
        ("[Aa]n image", "a row"),
        ("images", "rows"),
        ("image", "row"),
        ("pixels", "numbers"),
        ("pixel", "number"),
    ):
        text = re.sub(rf"\b{image}\b", row, text)
    return text


def intensities(levels: Tensor, count: int | None = 256) -> Tensor:
    """From integer levels 0 … count-1 (any shape, any integer type) to float32 intensities in [0, 1].

    Without a count they are real numbers in a unit of their own, and stay as they are, in float32.
    """
    return levels.float() if count is None else levels.float() / (count - 1)


def levels(intensities: Tensor, count: int = 256) -> Tensor:
    """From intensities in [0, 1] to the nearest integer level 0 … count-1 (int64), the inverse of `intensities`."""
    return (intensities * (count - 1)).round().long().clamp(0, count - 1)


def quantize(image: Tensor, bits: int) -> Tensor:
    """The `bits` most significant bits of 8-bit levels: level >> (8 - bits), uint8, in the same shape."""
    if not 1 <= bits <= 8:
        raise ValueError(f"bits must be 1 to 8; got {bits}.")
    return image >> (8 - bits)


def dequantize(image: Tensor, noise: Tensor, support: str, count: int = 256) -> tuple[Tensor, float]:
    """Integer levels plus uniform noise, as intensities, for a density.

    image:   levels 0 … count-1, shape (B, *event)
    noise:   draws of U[0, 1), the same shape
    support: "real" or "unit", see the module's docstring

    Returns the values v to score (float32, (B, *event)) and the nats *per dimension* to add to -log p(v) to convert it to the
    scale [0, count).
    """
    y = image.float() + noise
    if support == "real":
        return (y - 0.5) / (count - 1), math.log(count - 1)
    if support == "unit":
        return y / count, math.log(count)
    raise ValueError(f"support must be 'real' or 'unit', that of a density; got {support!r}.")


def bits_per_dim(nats: float, dims: int) -> float:
    """From nats per example to bits per dimension. For mass functions and dequantised densities only."""
    return nats / (dims * math.log(2.0))


def nats_of(bits_per_dim: float, dims: int) -> float:
    """From bits per dimension to nats per example, the inverse of `bits_per_dim`."""
    return bits_per_dim * dims * math.log(2.0)


def squared_error_of(psnr: float, dims: int) -> float:
    """The squared error of an example, summed over its dimensions, that has this PSNR: the inverse of `psnr` of its mean."""
    return dims * 10.0 ** (-psnr / 10.0)


def psnr_of(squared_error: Tensor, dims: int) -> Tensor:
    """The PSNR (dB) of a squared error of an example, summed over its dimensions: the inverse of `squared_error_of`."""
    return -10 * (squared_error / dims).clamp(min=1e-30).log10()


def squared_error_of_bits(bits_per_dim: float, dims: int, count: int, sigma: float | None = None) -> float:
    """The squared error of an example (of intensities) at which a Gaussian's distortion is so many bits/dim on [0, count).

    sigma: its σ; None for the best σ at that error. Dequantised levels are off by U[0, 1) too, which adds 1/12 to each
    dimension's squared error. Negative if no error is so small.
    """
    scale = count - 1
    nats = nats_of(bits_per_dim, dims) / dims - math.log(scale)  # of each intensity
    if sigma is None:
        mean = math.e ** (2 * nats - 1) / (2 * math.pi)
    else:
        mean = 2 * sigma**2 * (nats - 0.5 * math.log(2 * math.pi * sigma**2))
    return dims * (mean - 1 / (12 * scale**2))


def bits_of_squared_error(squared_error: Tensor, dims: int, count: int, sigma: float | None = None) -> Tensor:
    """The bits/dim of a Gaussian's distortion at this squared error: the inverse of `squared_error_of_bits`."""
    scale = count - 1
    mean = squared_error / dims + 1 / (12 * scale**2)
    if sigma is None:
        nats = 0.5 * ((2 * math.pi * mean).log() + 1)
    else:
        nats = mean / (2 * sigma**2) + 0.5 * math.log(2 * math.pi * sigma**2)
    return (nats + math.log(scale)) / math.log(2.0)


def psnr(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio in decibels of intensities in [0, 1]."""
    return math.inf if mean_squared_error == 0 else -10.0 * math.log10(mean_squared_error)
