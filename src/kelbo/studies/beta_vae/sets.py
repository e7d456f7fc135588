"""Which images each of the study's sets is: its official files where they lie, a rendered set, or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from kelbo.data import dsprites, mpi3d, shapes3d_h5
from kelbo.data.cifar import CIFAR10, CIFAR100
from kelbo.data.roots import data_root
from kelbo.recipes.data_specs import DataSpec
from kelbo.recipes.readers import image_data
from kelbo.studies.beta_vae.parts import StudyPart, official

PLACES = {
    "dsprites": [f"{place}/{dsprites.FILE}" for place in dsprites.PLACES],
    "3dshapes": [f"{place}/{shapes3d_h5.FILE}" for place in shapes3d_h5.PLACES],
    "mpi3d": [f"{place}/{file}" for place in mpi3d.PLACES for file in mpi3d.FILES["toy"]],
    "cifar10": [CIFAR10.archive, CIFAR10.folder],
    "cifar100": [CIFAR100.archive, CIFAR100.folder],
}
"""below the data root, where each set's reader looks for its official files"""
HELD_OUT = 0.1
"""of a set with factors, as recipes have it by default"""


class StudySet(NamedTuple):
    """Where a part's images come from.

    kind   "rendered": a set that stands for the study's; "official": its own; "files": its own, as many as there are
    sizes  images of each split
    """

    data: DataSpec
    kind: Literal["rendered", "official", "files"]
    sizes: Mapping[str, int]
    note: str


def set_of(part: StudyPart, root: Path | None) -> StudySet | str:
    """The images of a part, or why there are none. root: below which official files are looked for."""
    there = any((data_root(root) / place).exists() for place in PLACES[part.role])
    if not there and part.standing is None:
        return "its files were not found below the data root"
    if not there and part.standing is not None:
        note = (
            f"{part.standing.kind}, drawn here with the same factors, stands for {part.role}, whose official files were not "
            "found below the data root; a seeded tenth is held out"
        )
        return StudySet(part.standing, "rendered", _sizes(part.images), note)
    data = official(part.role, root.resolve() if root else None)
    if part.standing is not None:
        return StudySet(data, "official", _sizes(part.images), "the official files; a seeded tenth is held out")
    found = image_data(data)
    size = len(found.train)
    few = "" if size == part.images else f", a part of the {part.images:,}"
    sizes = {name: len(images) for name, images in found.splits.items()}
    return StudySet(data, "files", sizes, f"{found.note}; {size:,} of them are trained on{few}")


def _sizes(images: int) -> dict[str, int]:
    """Of the splits of a set with factors."""
    held_out = round(HELD_OUT * images)
    return {"train": images - held_out, "test": held_out}
