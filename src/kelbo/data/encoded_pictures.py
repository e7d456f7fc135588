"""One encoded picture, wherever it is stored, and the options for preprocessing every picture of a set."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import numpy as np
from PIL import Image

from kelbo.data.paths import Paths
from kelbo.errors import DataCorrupt

FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
MODES = {"rgb": "RGB", "grey": "L"}
MOST_BYTES = 128 * 2**20
"""bytes of one encoded picture; a larger file is never read, whatever its name"""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""
Crop = int | Box | Literal["centre", "whole"]
Deep = Literal["refuse", "scale"]
"""What to do with pictures of more than 8 bits a channel."""
Filter = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]
Mode = Literal["rgb", "grey"]
Stamp = tuple[str | int, ...]
Size = tuple[int, int]
"""Width and height in pixels, in Pillow's order."""
Sides = int | tuple[int, int] | None
"""The user's setting: pixels of a square, or height and width; None keeps the pictures' own size."""


class Refused(DataCorrupt):
    """One picture that cannot be read or decoded, would lose information, or does not fit the options."""


@dataclass(frozen=True)
class EncodedPicture:
    """An encoded picture.

    name: its path, for messages. read: returns its bytes; raises Refused. path: its place within the set, such as "cats/1.png".
    """

    name: str
    read: Callable[[], bytes]
    path: str


class PictureStore(ABC):
    """Where the pictures of a set are stored."""

    @abstractmethod
    def picture(self, place: int, path: str) -> EncodedPicture:
        """One of them. place: its number. path: its place within the set."""

    @abstractmethod
    def stamps(self, paths: Paths) -> Iterator[Stamp]:
        """What identifies these pictures and their versions, as JSON values: one each, or fewer of many at once."""


class EncodedPictures(Sequence[EncodedPicture]):
    """Pictures of a set in the order of their paths; each is made when it is requested, so a million take little memory."""

    def __init__(self, source: PictureStore, paths: Paths) -> None:
        self.source, self.paths = source, paths

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> EncodedPicture: ...
    @overload
    def __getitem__(self, index: slice | np.ndarray) -> EncodedPictures: ...
    def __getitem__(self, index: int | slice | np.ndarray) -> EncodedPicture | EncodedPictures:
        if isinstance(index, slice | np.ndarray):
            return EncodedPictures(self.source, self.paths[index])
        return self.source.picture(self.paths.place_of(index), self.paths[index])

    def stamps(self) -> Iterator[Stamp]:
        """See `PictureStore.stamps`."""
        return self.source.stamps(self.paths)


@dataclass(frozen=True)
class Preprocessing:
    """What is done to every picture; `size` is the size of the result."""

    size: Size
    crop: Crop
    resize: Filter | None
    mode: Mode
    depth: Deep = "refuse"

    @property
    def note(self) -> str:
        resized = f"resized by {self.resize}" if self.resize else "not resized"
        deep = ", more than 8 bits mapped onto 0–255" if self.depth == "scale" else ""
        width, height = self.size
        size = by(self.size) if width == height else f"{height} high and {width} wide"
        return f"{self.mode} {size}, crop {self.crop}, {resized}{deep}"


def from_file(file: Path, path: str) -> EncodedPicture:
    """A picture in a file, which is read only when its bytes are requested. path: its place within the set."""

    def read() -> bytes:
        try:
            size = file.stat().st_size
            if size > MOST_BYTES:
                raise Refused(f"{file} has {size:,} bytes; pictures of up to {MOST_BYTES:,} are read.")
            return file.read_bytes()
        except OSError as error:
            raise Refused(_unread(file, error)) from error

    return EncodedPicture(str(file), read, path)


def stamp_of(file: str) -> Stamp:
    """A file's path, size and time in nanoseconds."""
    try:
        status = os.stat(file)  # noqa: PTH116  # of each of a million files, at every command
    except OSError:
        return file, "absent"
    return file, status.st_size, status.st_mtime_ns


def _unread(file: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not file.is_symlink():
        return f"There is no file {file}."
    why = f"a link to {file.readlink()}, which does not exist" if file.is_symlink() and not file.exists() else error
    return f"{file} cannot be read as a picture ({why}). Remove or replace it."


def check_options(size: Sides, crop: Crop, resize: Filter | None, mode: str, depth: str) -> None:
    """Raises ValueError if an option is impossible."""
    sides = (size, size) if isinstance(size, int) else size
    if sides is not None and (len(sides) != 2 or min(sides) < 1):
        raise ValueError(f"size must be 1 or more pixels, or such a height and width; got {size}.")
    if resize is not None and resize not in FILTERS:
        raise ValueError(f"resize must be one of {', '.join(FILTERS)} or None; got {resize!r}.")
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; got {mode!r}.")
    if depth not in ("refuse", "scale"):
        raise ValueError(f'depth must be "refuse" or "scale"; got {depth!r}.')
    box = isinstance(crop, tuple) and len(crop) == 4 and 0 <= crop[0] < crop[2] and 0 <= crop[1] < crop[3]
    if not (box or crop in ("centre", "whole") or (isinstance(crop, int) and crop >= 1)):
        raise ValueError(f'crop must be "centre", "whole", pixels or (left, top, right, bottom); got {crop!r}.')
    if sides and isinstance(crop, int) and sides[0] != sides[1]:
        raise ValueError(
            f"The crop {crop} is a square, and the size {sides[0]}×{sides[1]} is not, so pictures would be squeezed. "
            'Name a box (left, top, right, bottom), or "centre".'
        )


def pillow_size(size: int | tuple[int, int]) -> Size:
    """Width and height of a size that is given as one side, or as height and width."""
    return (size, size) if isinstance(size, int) else (size[1], size[0])


def by(size: Size) -> str:
    return f"{size[0]}×{size[1]}"
