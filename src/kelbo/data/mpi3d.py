"""MPI3D (Gondal et al., 2019): every combination of seven factors of an object on a robot arm, from an official archive.

An archive holds `images`, uint8 (1036800, 64, 64, 3), and nothing else: the factors follow from the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import ArrayImages
from kelbo.data.members import member
from kelbo.data.roots import located
from kelbo.data.unpacked import unpacked

Variant = Literal["toy", "realistic", "real"]
FILES = {
    "toy": ("mpi3d_toy.npz",),
    "realistic": ("mpi3d_realistic.npz",),
    "real": ("mpi3d_real.npz", "real.npz"),  # its name in the paper, and the name of the download
}
PLACES = ("mpi3d", "MPI3D", ".")
PAGE = "https://github.com/rr-learning/disentanglement_dataset"
FACTORS = Factors(
    (
        "object_color",
        "object_shape",
        "object_size",
        "camera_height",
        "background_color",
        "horizontal_axis",
        "vertical_axis",
    ),
    (6, 6, 2, 3, 3, 40, 40),
    (
        ("white", "green", "red", "blue", "brown", "olive"),
        ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere"),
        ("small", "large"),
        ("top", "center", "bottom"),
        ("purple", "sea green", "salmon"),
        tuple(str(step) for step in range(40)),
        tuple(str(step) for step in range(40)),
    ),
)
SIDE, CHANNELS = 64, 3
ROWS = 2048
"""pictures unpacked at a time: 25 MB"""


def mpi3d(root: Path | str, variant: Variant = "toy", cache: Path | None = None) -> FactorImages:
    """All 1,036,800 pictures in the order of their factors, (3, 64, 64), mapped: their 12.7 GB are never held in memory.

    variant: "toy" and "realistic" are rendered, "real" is photographed. root: a folder holding the archive in mpi3d/,
    MPI3D/ or itself. cache: a compressed archive is unpacked into this folder once; an uncompressed one is mapped in place.
    None reads a compressed archive into memory.

    Raises DataMissing if the archive is absent; DataCorrupt, naming it, if it is damaged or holds other shapes
    or types (that of the four complex shapes has 460,800 pictures of other factors); DataError if the pixels do not
    fit on the disk or in memory; ValueError for another variant.
    """
    if variant not in FILES:
        raise ValueError(f"variant must be one of {', '.join(FILES)}; got {variant!r}.")
    path = located("MPI3D", root, PLACES, FILES[variant], PAGE)
    return FactorImages(_read(path, FACTORS, cache), FACTORS)


def _read(path: Path, factors: Factors, cache: Path | None, rows: int = ROWS) -> ArrayImages:
    """The pictures of an archive with these factors, mapped, or unpacked `rows` at a time."""
    count = len(factors)
    images = member(path, "images", (count, SIDE, SIDE, CHANNELS), np.uint8)
    if images.is_stored:
        return ArrayImages(images.mapped().transpose(0, 3, 1, 2))  # a view: no value is moved

    def parts() -> Iterator[np.ndarray]:
        for part in images.rows(rows):
            yield part.transpose(0, 3, 1, 2)

    return unpacked(path, count, (CHANNELS, SIDE, SIDE), parts, -(-count // rows), cache)
