"""Binary 64×64 pictures of a square, an ellipse or a heart with dSprites' five factors: rendered, never downloaded.

Factors and their order follow dSprites (Matthey et al., 2017, github.com/google-deepmind/dsprites-dataset): an image's
index is the mixed radix of its factors, the last one fastest. A pixel is on if its centre lies inside the outline,
whose own centre may lie between pixels. The outlines' six constants minimise the number of unequal pixels over 270 original
frames; docs/shapes2d.md reports the agreement.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from kelbo.data.factors import FactorImages, Factors
from kelbo.data.packed import PackedImages

SHAPES = ("square", "ellipse", "heart")
SIZES = (3, 6, 40, 32, 32)
FACTORS = Factors(("shape", "scale", "orientation", "x", "y"), SIZES)
SIDE = 64

# Pixels at scale 1. Any half side between 9.59934 and 9.59985 draws the original squares.
SQUARE_HALF_SIDE = 9.5996
ELLIPSE_HALF_AXES = (12.76575, 7.21325)
# x = W sin³t, y = H (13 cos t - 5 cos 2t - 2 cos 3t - cos 4t) + S, y upwards from the centre that the factors place:
# the heart curve of mathworld.wolfram.com/HeartCurve.html, stretched and moved.
HEART_HALF_WIDTH, HEART_HEIGHT, HEART_SHIFT = 9.5937, 0.66222, 1.4363
# The largest distance of any outline from its centre: the corner of the square.
REACH = math.sqrt(2) * SQUARE_HALF_SIDE


def render(factors: Tensor) -> Tensor:
    """Draw any of the pictures: factors (integers, (N, 5)) to uint8 0 or 1, (N, 1, 64, 64), on the factors' device.

    Raises DataError if a factor is outside of its range (`SIZES`).
    """
    FACTORS.require(factors)
    images = torch.empty(len(factors), 1, SIDE, SIDE, dtype=torch.uint8, device=factors.device)
    for shape in range(len(SHAPES)):
        for part in torch.nonzero(factors[:, 0] == shape).flatten().split(256):  # 256 pictures: 8 MiB per float64 array
            images[part, 0] = _draw(shape, factors[part].long()).to(torch.uint8)
    return images


def shapes2d() -> FactorImages:
    """All 737,280 pictures in the order of their indices, packed into 360 MiB on the CPU; a few seconds on two cores.

    Equal to `render` of every index, bit for bit: the same arithmetic, but only on pixels that an outline can reach.
    """
    bits = np.empty((*SIZES, SIDE * SIDE // 8), dtype=np.uint8)
    for shape, scale, orientation in np.ndindex(*SIZES[:3]):
        bits[shape, scale, orientation] = draw_everywhere(shape, scale, orientation)
    packed = torch.from_numpy(bits.reshape(-1, bits.shape[-1]))
    return FactorImages(PackedImages(packed, (1, SIDE, SIDE)), FACTORS)


def draw_everywhere(shape: int, scale: int, orientation: int) -> np.ndarray:
    """One shape, scale and orientation at every position: packed bits, uint8 (32 x, 32 y, 512)."""
    reach = REACH * (5 + scale) / 10
    # From one position to the next the centre moves by 32/31 px: a window that moves by 1 px keeps the outline inside.
    first = math.ceil(15.5 - reach)
    width = math.floor(16.5 + reach) - first + 1
    starts = first + torch.arange(SIZES[3])[:, None]
    window = _offsets().gather(1, starts + torch.arange(width))  # (32, width)
    cosine, sine = (turn[scale, orientation] for turn in _turns())
    across, down = window[:, None, None, :], window[None, :, :, None]
    inside = covers(shape, cosine * across - sine * down, sine * across + cosine * down)  # (32 x, 32 y, width, width)
    packed = np.packbits(inside.numpy(), axis=-1)
    words = np.zeros((*packed.shape[:-1], 8), dtype=np.uint8)
    words[..., : packed.shape[-1]] = packed
    # A row of 64 pixels is one big-endian word with x = 0 in its highest bit, so a shift to the right moves it across.
    moved = words.view(">u8")[..., 0] >> starts.numpy().astype(np.uint64)[:, :, None]
    rows = np.zeros((SIZES[3], SIZES[4], SIDE), dtype=">u8")
    for y, start in enumerate(starts.flatten().tolist()):
        rows[:, y, start : start + width] = moved[:, y]
    return rows.view(np.uint8)


def _draw(shape: int, factors: Tensor) -> Tensor:
    """Pictures of one shape, factors (N, 5) to bool (N, 64, 64)."""
    cosines, sines = (turn.to(factors.device)[factors[:, 1], factors[:, 2], None, None] for turn in _turns())
    offsets = _offsets().to(factors.device)
    across, down = offsets[factors[:, 3], None, :], offsets[factors[:, 4], :, None]
    return covers(shape, cosines * across - sines * down, sines * across + cosines * down)


def covers(shape: int, u: Tensor, v: Tensor) -> Tensor:
    """Whether points lie inside an outline of scale 1: u to its right and v downwards from its centre, px, float64."""
    if SHAPES[shape] == "square":
        return torch.maximum(u.abs(), v.abs()) < SQUARE_HALF_SIDE
    if SHAPES[shape] == "ellipse":
        a, b = ELLIPSE_HALF_AXES
        return (u / a).square() + (v / b).square() < 1
    # The outline passes each u twice, at t and π - t. With c = cos t the height is a polynomial in c: its even part is
    # the middle of the two crossings, its odd part half of the distance between them.
    square = 1 - (u / HEART_HALF_WIDTH).square().clamp(max=1) ** (1 / 3)  # c², as sin²t = (x / W)^⅔
    middle = 4 - square * (2 + 8 * square)
    half = square.sqrt() * (19 - 8 * square)
    return ((v + HEART_SHIFT) / HEART_HEIGHT + middle).abs() < half


def _offsets() -> Tensor:
    """From the centre at each of the 32 positions to each of the 64 pixels' centres: float64 (32, 64), px."""
    centres = 15.5 + 32 * torch.arange(SIZES[3], dtype=torch.float64) / 31
    return torch.arange(SIDE, dtype=torch.float64) - centres[:, None]


def _turns() -> tuple[Tensor, Tensor]:
    """Cosine and sine of every orientation over every scale, float64 (6, 40) each; anticlockwise on the screen."""
    scales = (5 + torch.arange(SIZES[1], dtype=torch.float64)[:, None]) / 10
    steps = torch.arange(SIZES[2], dtype=torch.float64) % 39  # the last orientation is a full turn: the first again
    angles = 2 * math.pi * steps / 39
    return angles.cos() / scales, angles.sin() / scales
