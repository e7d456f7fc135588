"""dSprites (Matthey et al., 2017): every combination of five factors of a binary 2-D shape, from the official archive.

The archive holds `imgs`, uint8 0 or 1 (737280, 64, 64), and `latents_classes`, int64 (737280, 6), whose first column, the
colour, is always 0 and is left out. Its `metadata` is pickled and never opened.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from kelbo.data.factors import FactorImages, Factors
from kelbo.data.members import Member, member
from kelbo.data.packed import PackedImages
from kelbo.data.roots import located
from kelbo.data.shapes2d import FACTORS, SIDE
from kelbo.errors import DataCorrupt

FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
PLACES = ("dsprites", "dSprites", ".")
PAGE = "https://github.com/google-deepmind/dsprites-dataset"
ROWS = 1024
"""pictures unpacked at a time: 4 MiB"""


def dsprites(root: Path | str) -> FactorImages:
    """All 737,280 pictures in the order of their factors, packed into 360 MiB: the archive's 3 GB are never held in memory.

    root: a folder holding the archive in dsprites/, dSprites/ or itself. Raises DataMissing if it is absent;
    DataCorrupt, naming it, if it is damaged, holds other shapes or types, levels above 1, or other factors.
    """
    return FactorImages(_read(located("dSprites", root, PLACES, [FILE], PAGE), FACTORS), FACTORS)


def _read(path: Path, factors: Factors, rows: int = ROWS) -> PackedImages:
    """The pictures of an archive with these factors, (1, 64, 64), unpacked `rows` at a time."""
    _check_classes(
        member(path, "latents_classes", (len(factors), 1 + len(factors.sizes)), np.int64), factors, 16 * rows
    )
    pixels = member(path, "imgs", (len(factors), SIDE, SIDE), np.uint8)
    bits, start = np.empty((len(factors), SIDE * SIDE // 8), np.uint8), 0
    for part in pixels.rows(rows):
        if part.max() > 1:
            raise DataCorrupt(
                f"{pixels.source} should hold levels 0 and 1; found {part.max()}. Fetch the official file."
            )
        bits[start : start + len(part)] = np.packbits(part.reshape(len(part), -1), axis=1)
        start += len(part)
    return PackedImages(torch.from_numpy(bits), (1, SIDE, SIDE))


def _check_classes(classes: Member, factors: Factors, rows: int) -> None:
    start = 0
    for part in classes.rows(rows):
        expected = factors.of(torch.arange(start, start + len(part))).numpy()
        wrong = np.flatnonzero((part[:, 1:] != expected).any(1) | (part[:, 0] != 0))
        if len(wrong):
            row = wrong[0]
            raise DataCorrupt(
                f"{classes.source}: row {start + row} should be {[0, *expected[row].tolist()]}, the mixed radix of its "
                f"factors; found {part[row].tolist()}. Fetch the official file."
            )
        start += len(part)
