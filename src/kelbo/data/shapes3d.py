"""Colour pictures of a shape in a room with 3D Shapes' six factors: rendered, never downloaded.

Factors and their order follow 3D Shapes (Burgess & Kim, 2018, github.com/google-deepmind/3d-shapes): an image's index is
the mixed radix of its factors, the last one fastest. Three of them are colours and three are geometry, so 480 geometries
are rendered once, and a picture is one of them times its colours: 10 MB represent the 5.9 GB of all 480,000.
docs/shapes3d.md reports the agreement with the original frames.
"""

from __future__ import annotations

import colorsys
from itertools import product

import numpy as np
import torch
from torch import Tensor

from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import Images
from kelbo.data.shapes3d_scene import ORIENTATIONS, SCALES, SHAPES, SIDE, Maps, View

HUES = tuple(hue / 10 for hue in range(10))
SKY = (153 / 255, 226 / 255, 249 / 255)
FACTORS = Factors(
    ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"),
    (10, 10, 10, len(SCALES), len(SHAPES), len(ORIENTATIONS)),
    (
        *(tuple(map(str, HUES)),) * 3,
        tuple(f"{scale:.3f}" for scale in SCALES),
        SHAPES,
        tuple(f"{angle:.1f}°" for angle in ORIENTATIONS),
    ),
)
GEOMETRIES = len(SCALES) * len(SHAPES) * len(ORIENTATIONS)
# Light and colour are bytes, so that every product and sum of theirs is exact in float32 (in TF32 and bfloat16 too) in
# any order, and a picture is the same in every batch and on every device. 170 · 192 / 128 = 255.
LIGHT_STEPS, COLOUR_STEPS, DIVISOR = 170, 192, 128


class ShadedImages(Images):
    """Every picture of the set in the order of its index, composed when it is taken.

    light:   uint8 (480, 5, 4096), the five `Maps` of each geometry in 1/170, geometries in the order of the last three
             factors
    colours: uint8 (1000, 3, 5), red, green and blue of the five maps in 1/192, in the order of the first three factors
    """

    shape = (3, SIDE, SIDE)
    levels = 256

    def __init__(self, light: Tensor, colours: Tensor) -> None:
        self.light, self.colours = light, colours

    def __len__(self) -> int:
        return len(self.colours) * len(self.light)

    def take(self, index: Tensor) -> Tensor:
        # in parts whose sums fit into a CPU's cache: twice as fast as all at once
        parts = index.split(16 if self.device.type == "cpu" else 4096)
        return torch.cat([self._compose(part) for part in parts])

    def _compose(self, index: Tensor) -> Tensor:
        light = self.light.index_select(0, index % len(self.light)).float()
        colours = self.colours.index_select(0, index // len(self.light)).float()
        with torch.autocast(light.device.type, enabled=False):  # autocast would round the sums
            sums = torch.bmm(colours, light)
        levels = sums.mul_(1 / DIVISOR).round_().clamp_(max=255)
        return levels.to(torch.uint8).view(-1, *self.shape)

    def to(self, device: torch.device) -> ShadedImages:
        return ShadedImages(self.light.to(device), self.colours.to(device))

    @property
    def device(self) -> torch.device:
        return self.light.device

    @property
    def nbytes(self) -> int:
        return self.light.nbytes + self.colours.nbytes


def shapes3d() -> FactorImages:
    """All 480,000 pictures in the order of their indices, held in 10 MB on the CPU; some seconds on one core."""
    return FactorImages(ShadedImages(light_of(torch.arange(GEOMETRIES)), palette()), FACTORS)


def render(factors: Tensor) -> Tensor:
    """Draw any of the pictures: factors (integers, (N, 6)) to uint8 (N, 3, 64, 64), on the CPU; 10 ms a geometry.

    Equal to what `shapes3d` holds at their indices, bit for bit. Raises DataError if a factor is outside of its range.
    """
    index = FACTORS.index(factors.cpu())
    geometries, rows = torch.unique(index % GEOMETRIES, return_inverse=True)
    return ShadedImages(light_of(geometries), palette()).take(index // GEOMETRIES * len(geometries) + rows)


def light_of(geometries: Tensor) -> Tensor:
    """The maps of geometries (int64, (G,), in the order of scale, shape and orientation): uint8 (G, 5, 4096) in 1/170."""
    light = np.empty((len(geometries), len(Maps._fields), SIDE, SIDE), dtype=np.uint8)
    rest, orientations = np.divmod(geometries.numpy(), len(ORIENTATIONS))
    for orientation in np.unique(orientations):
        view = View(float(ORIENTATIONS[orientation]))
        for row in np.flatnonzero(orientations == orientation):
            scale, shape = divmod(rest[row], len(SHAPES))
            light[row] = in_bytes(view.maps(SHAPES[shape], float(SCALES[scale])))
    return torch.from_numpy(light.reshape(len(geometries), len(Maps._fields), -1))


def in_bytes(maps: Maps) -> np.ndarray:
    """Maps as uint8 (5, 64, 64) in 1/170; light is clipped at 1.5."""
    return np.rint(np.stack(maps) * LIGHT_STEPS).clip(0, 255).astype(np.uint8)


def palette() -> Tensor:
    """The maps' colours for every floor, wall and object hue: uint8 (1000, 3, 5) in 1/192."""
    hues = [colorsys.hsv_to_rgb(hue, 1, 1) for hue in HUES]
    rows = [[floor, wall, own, SKY, (1, 1, 1)] for floor, wall, own in product(hues, repeat=3)]
    return torch.from_numpy(np.rint(np.array(rows).transpose(0, 2, 1) * COLOUR_STEPS).astype(np.uint8))
