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
    if not is_there(part.role, root) and part.standing is None:
        return "its files were not found below the data root"
    if not is_there(part.role, root) and part.standing is not None:
        note = (
            f"{part.standing.kind}, drawn here with the same factors, stands for {part.role}, whose official files were not "
            "found below the data root; a seeded tenth is held out"
        )
        return StudySet(part.standing, "rendered", _sizes(part.images), note)
    data = official(part.role, root.resolve() if root else None)
    if part.standing is None:
        found = image_data(data)
        size = len(found.train)
        few = "" if size == part.images else f", a part of the {part.images:,}"
        sizes = {name: len(images) for name, images in found.splits.items()}
        return StudySet(data, "files", sizes, f"{found.note}; {size:,} of them are trained on{few}")
    return StudySet(data, "official", _sizes(part.images), "the official files; a seeded tenth is held out")


def is_there(role: str, root: Path | None) -> bool:
    """Whether the official files of one of the study's sets lie where its reader looks for them."""
    folder = data_root(root)
    match role:
        case "dsprites":
            return _any(folder, dsprites.PLACES, (dsprites.FILE,))
        case "3dshapes":
            return _any(folder, shapes3d_h5.PLACES, (shapes3d_h5.FILE,))
        case "mpi3d":
            return _any(folder, mpi3d.PLACES, mpi3d.FILES["toy"])
        case _:
            layout = CIFAR100 if role == "cifar100" else CIFAR10
            return (folder / layout.archive).is_file() or (folder / layout.folder).is_dir()


def _any(folder: Path, places: tuple[str, ...], files: tuple[str, ...]) -> bool:
    return any((folder / place / file).is_file() for place in places for file in files)


def _sizes(images: int) -> dict[str, int]:
    """Of the splits of a set with factors."""
    held_out = round(HELD_OUT * images)
    return {"train": images - held_out, "test": held_out}
