"""Which images each of the study's sets is: its official files where they lie, a rendered set, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from kelbo.data import dsprites, mpi3d, shapes3d_h5
from kelbo.data.cifar import CIFAR10, CIFAR100
from kelbo.data.roots import data_root
from kelbo.recipes.beta_study import StudySweep, official
from kelbo.recipes.data_specs import DataSpec, DrawnSpec
from kelbo.recipes.readers import image_data

HELD_OUT = 0.1
"""of a set with factors, as recipes have it by default"""


class Source(NamedTuple):
    """Where a part's images come from.

    kind    "rendered": a set that stands for the study's; "official": its own; "files": its own, as many as there are
    images  of the training split
    """

    data: DataSpec
    kind: Literal["rendered", "official", "files"]
    images: int
    note: str


def source_of(part: StudySweep, root: Path | None, *, by_seed: bool = False) -> Source | str:
    """The images of a part, or why it is left out.

    root: below which official files are looked for. by_seed: each lane's own seed draws its test images.
    """
    source = _source(part, root)
    if isinstance(source, str) or not (by_seed and isinstance(source.data, DrawnSpec)):
        return source
    return source._replace(data=source.data.model_copy(update={"split_seed": "seed"}))


def _source(part: StudySweep, root: Path | None) -> Source | str:
    if is_there(part.role, root):
        data = official(part.role, root.resolve() if root else None)
        if part.role in ("cifar10", "cifar100"):
            found = image_data(data)
            size = len(found.train)
            few = "" if size == part.images else f", a part of the {part.images:,}"
            return Source(data, "files", size, f"{found.note}; {size:,} of them are trained on{few}")
        return Source(data, "official", _kept(part.images), "the official files; a seeded tenth is held out")
    if part.standing is None:
        return "its files were not found below --data-root or KELBO_DATA"
    note = (
        f"{part.standing.kind}, drawn here with the same factors, stands for {part.role}, whose official files were not found "
        "below --data-root or KELBO_DATA; a seeded tenth is held out"
    )
    return Source(part.standing, "rendered", _kept(part.images), note)


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


def _kept(images: int) -> int:
    """Of so many, those that are not held out."""
    return images - round(HELD_OUT * images)
