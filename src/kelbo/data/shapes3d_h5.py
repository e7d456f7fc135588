"""3D Shapes (Kim & Mnih, 2018): every combination of six factors of an object in a room, from the official HDF5 file.

It holds `images`, uint8 (480000, 64, 64, 3), and `labels`, float64 (480000, 6), the value of each factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import ArrayImages
from kelbo.data.roots import located
from kelbo.data.unpacked import unpacked
from kelbo.errors import DataCorrupt
from kelbo.shortage import raise_shortage

if TYPE_CHECKING:
    import h5py

FILE = "3dshapes.h5"
PLACES = ("3dshapes", ".")
PAGE = "https://github.com/google-deepmind/3d-shapes"
FACTORS = Factors(("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"), (10, 10, 10, 8, 4, 15))
SIDE, CHANNELS = 64, 3
ROWS = 2048
"""pictures read at a time, 25 MB; rounded up to complete blocks of the file"""


def shapes3d_h5(root: Path | str, cache: Path | None = None) -> FactorImages:
    """All 480,000 pictures in the order of their factors, (3, 64, 64), unpacked once and mapped from then on.

    The file is compressed in blocks of many pictures, so reading single ones from it in random order would unpack each
    block thousands of times.

    root: a folder holding `3dshapes.h5` in 3dshapes/ or itself. cache: folder in which the 5.9 GB of pixels are kept;
    None reads them into memory.

    Raises DataMissing if the file is absent; DataCorrupt, naming it, if it is damaged, holds other shapes or
    types, or labels in another order; DataError if the pixels do not fit on the disk or in memory.
    """
    return FactorImages(_read(located("3D Shapes", root, PLACES, [FILE], PAGE), FACTORS, cache), FACTORS)


def _read(path: Path, factors: Factors, cache: Path | None, rows: int = ROWS) -> ArrayImages:
    """The pictures of a file with these factors, read `rows` or a few more at a time."""
    import h5py  # here and below, since it takes 11 MB in every process that builds a recipe

    count = len(factors)
    with _damage_told(path):
        file = h5py.File(path, "r")
    with file:
        with _damage_told(path):
            images = _dataset(path, file, "images", (count, SIDE, SIDE, CHANNELS), np.uint8)
            labels = _dataset(path, file, "labels", (count, len(factors.sizes)), np.float64)[:]
        _check_labels(path, labels, factors)
        block = images.chunks[0] if images.chunks else 1
        step = -(-rows // block) * block  # else each block would be unpacked several times

        def parts() -> Iterator[np.ndarray]:
            for start in range(0, count, step):
                with _damage_told(path):
                    part = images[start : start + step]
                yield part.transpose(0, 3, 1, 2)

        return unpacked(path, count, (CHANNELS, SIDE, SIDE), parts, -(-count // step), cache)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Inside the block every error of HDF5 becomes DataCorrupt."""
    try:
        yield
    except DataCorrupt:
        raise
    except Exception as error:  # a damaged file may fail in any way
        raise_shortage(error, f"reading {path}")
        raise DataCorrupt(f"{path} cannot be read as HDF5: {error}. Fetch the official file again.") from error


def _dataset(path: Path, file: h5py.File, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> h5py.Dataset:
    """A dataset of this file itself, of this shape and type."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):  # other links point to other names or files
        raise DataCorrupt(
            f"{path} holds no {name!r}; it holds {', '.join(map(str, [*file][:8])) or 'nothing'}. Fetch the official file."
        )
    found = file[name]
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise DataCorrupt(f"{path}: {name!r} should be an array within the file. Fetch the official file.")
    if (found.shape, found.dtype) != (shape, np.dtype(dtype)):
        raise DataCorrupt(
            f"{path}: {name!r} should be {np.dtype(dtype)} {shape}; found {found.dtype} {found.shape}. "
            "Is it the official file?"
        )
    return found


def _check_labels(path: Path, labels: np.ndarray, factors: Factors) -> None:
    """Check that each column rises with its factor, and has one value for each of the factor's."""
    expected = factors.of(torch.arange(len(labels))).numpy()
    for column, (name, size) in enumerate(zip(factors.names, factors.sizes, strict=True)):
        stride = int(np.prod(factors.sizes[column + 1 :]))
        values = labels[: size * stride : stride, column]
        if not (np.diff(values) > 0).all():
            raise DataCorrupt(f"{path}: the labels {name!r} should rise with their factor; found {values.tolist()}.")
        wrong = np.flatnonzero(labels[:, column] != values[expected[:, column]])
        if len(wrong):
            row = wrong[0]
            raise DataCorrupt(
                f"{path}: row {row} of 'labels' should have {values[expected[row, column]]:g} for {name!r}, by the mixed "
                f"radix of its factors; found {labels[row, column]:g}. Fetch the official file."
            )
