"""One encoded picture, wherever it is stored, and the options for preprocessing every picture of a set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

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
Size = tuple[int, int]
"""Width and height in pixels, in Pillow's order."""
Sides = int | tuple[int, int] | None
"""The user's setting: pixels of a square, or height and width; None keeps the pictures' own size."""


class Refused(DataCorrupt):
    """One picture that cannot be read or decoded, would lose information, or does not fit the options."""


@dataclass(frozen=True)
class EncodedPicture:
    """An encoded picture.

    name: its path, for messages. stamp: identifies the picture and its version. read: returns its bytes; raises Refused.
    path: its place within the set, such as "cats/1.png".
    """

    name: str
    stamp: tuple[str | int, ...]
    read: Callable[[], bytes]
    path: str


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
    try:
        status = file.stat()
    except OSError as error:
        return EncodedPicture(str(file), (str(file.absolute()), "absent"), _refusing(_unread(file, error)), path)

    def read() -> bytes:
        if status.st_size > MOST_BYTES:
            raise Refused(f"{file} has {status.st_size:,} bytes; pictures of up to {MOST_BYTES:,} are read.")
        try:
            return file.read_bytes()
        except OSError as error:
            raise Refused(_unread(file, error)) from error

    return EncodedPicture(str(file), (str(file.absolute()), status.st_size, status.st_mtime_ns), read, path)


def _unread(file: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not file.is_symlink():
        return f"There is no file {file}."
    why = f"a link to {file.readlink()}, which does not exist" if file.is_symlink() and not file.exists() else error
    return f"{file} cannot be read as a picture ({why}). Remove or replace it."


def _refusing(message: str) -> Callable[[], bytes]:
    def read() -> bytes:
        raise Refused(message)

    return read


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
