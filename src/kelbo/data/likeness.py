"""Pictures from anywhere, made like the images of a set: the way that a set is read, without the set."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from kelbo.container import processors
from kelbo.data.encoded_pictures import FILTERS, EncodedPicture, Preprocessing, Refused, Size, by, from_file
from kelbo.data.folder import is_zip, listing_of
from kelbo.data.idx import pad_with_zeros
from kelbo.data.images import ArrayImages, Images, average_squares, spread_places
from kelbo.data.opening import cropped, decoding_strictly, fitted, opened
from kelbo.errors import DataCorrupt, DataMissing
from kelbo.units import counted

TOLD = 5
"""largest number of refused pictures that a message names"""


class LikeImages(NamedTuple):
    """Pictures as images like a set's.

    names     of each, (N,): a file as it was named, a picture of a folder or zip by its path in it
    notes     on each that was changed in a way in which the set's own pictures are not
    left_out  messages of those that were skipped
    found     how many pictures there were
    """

    images: Images
    names: np.ndarray
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    found: int


@dataclass(frozen=True)
class Likeness:
    """How a picture becomes an image like those of a set: upright, grey or RGB, cropped, resized, rounded to levels.

    plan    crop, size, filter, mode and depth of the set's own pictures
    frame   width and height of the set's own pictures before the crop: another picture is brought to it first, its largest
            central part of these proportions resized by the plan's filter. None for sets of pictures of any size
    levels  of a pixel: 8-bit values are rounded to them
    repeat  times that each pixel is then repeated in both directions
    pad     side of the square to which images are then padded with zeros
    average side of the squares of pixels that are then averaged

    A picture that has the size of the set's images already is neither cropped nor resized nor padded, if there is a frame and
    no pixel is repeated.
    """

    plan: Preprocessing
    frame: Size | None = None
    levels: int = 256
    repeat: int = 1
    pad: int | None = None
    average: int = 1

    @property
    def size(self) -> Size:
        """Width and height of the images."""
        width, height = self.plan.size
        width, height = (self.pad, self.pad) if self.pad else (width * self.repeat, height * self.repeat)
        return width // self.average, height // self.average

    def image_of(self, picture: EncodedPicture) -> tuple[np.ndarray, str]:
        """A picture as uint8 levels (C, H, W), and a note, "" if it needed no more than the set's own. Raises Refused."""
        image, note = opened(picture, self.plan.mode, self.plan.depth), ""
        ready = self.frame is not None and self.repeat == 1 and image.size == self.size
        if not ready:
            image, note = self._framed(image, picture.name)
            image = fitted(image, picture.name, self.plan)
        pixels = np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)
        if self.levels < 256:
            pixels = np.rint(pixels * ((self.levels - 1) / 255)).astype(np.uint8)
        pixels = pixels.repeat(self.repeat, axis=1).repeat(self.repeat, axis=2)
        if ready:
            return pixels, note
        pixels = pad_with_zeros(pixels, self.pad) if self.pad else pixels
        return average_squares(pixels, self.average), note

    def _framed(self, image: Image.Image, name: str) -> tuple[Image.Image, str]:
        """The image in the size of the set's own pictures, and what that took."""
        if self.frame is None or image.size == self.frame:
            return image, ""
        part = cropped(image, name, "centre", self.frame)
        kind = self.plan.resize or "lanczos"
        which = "it" if part.size == image.size else f"its central {by(part.size)}"
        note = f"{name} is {by(image.size)} pixels: {which} was resized to {by(self.frame)} by {kind}"
        return part.resize(self.frame, FILTERS[kind]), note


def pictures_like(
    likeness: Likeness, paths: Sequence[Path | str], *, most: int | None = None, skip: bool = False
) -> LikeImages:
    """Picture files, and all pictures in folders and zips, as images, in their order.

    most: of more pictures, read so many that are spread evenly over them. skip: leave out pictures in folders and zips that
    cannot be used; files that are named are never left out.

    Raises DataMissing if there is no picture, DataCorrupt, naming each, if some cannot be read, would lose what they hold or
    are too small for the crop.
    """
    kept: list[tuple[str, np.ndarray, str]] = []
    refused: list[str] = []
    left_out: list[str] = []
    with ExitStack() as stack, decoding_strictly(), ThreadPoolExecutor(min(8, processors())) as pool:
        places = [_place(Path(path), len(paths) == 1, stack) for path in paths]
        *starts, count = np.cumsum([0, *(len(place.pictures) for place in places)]).tolist()
        wanted = range(count) if most is None else spread_places(count, most)
        which = [bisect_right(starts, one) - 1 for one in wanted]
        chosen = [places[place].found(one - starts[place]) for one, place in zip(wanted, which, strict=True)]
        for each, read in zip(chosen, pool.map(lambda one: _read(likeness, one.picture), chosen), strict=True):
            if not isinstance(read, str):
                kept.append((each.name, *read))
            elif skip and not each.named:
                left_out.append(read)
            else:
                refused.append(read)
    if refused or not kept:
        raise _unusable(refused or left_out, len(chosen), paths)
    names, pixels, notes = zip(*kept, strict=True)
    images = ArrayImages(np.stack(pixels), likeness.levels)
    return LikeImages(images, np.array(names, np.str_), tuple(filter(None, notes)), tuple(left_out), count)


class _Found(NamedTuple):
    """A picture and its name; whether it was named itself, not a folder that holds it."""

    picture: EncodedPicture
    name: str
    named: bool


class _Place(NamedTuple):
    """Where pictures are: a folder or zip with its path if that is part of their names, or a file that is named itself."""

    pictures: Sequence[EncodedPicture]
    path: str
    named: bool

    def found(self, number: int) -> _Found:
        picture = self.pictures[number]
        return _Found(picture, f"{self.path}/{picture.path}" if self.path else picture.path, self.named)


def _place(path: Path, alone: bool, stack: ExitStack) -> _Place:
    """alone: whether no other path was named."""
    if path.is_dir() or is_zip(path):
        return _Place(stack.enter_context(listing_of(path)).pictures, "" if alone else str(path), False)
    return _Place([from_file(path, str(path))], "", True)


def _read(likeness: Likeness, picture: EncodedPicture) -> tuple[np.ndarray, str] | str:
    """The image and its note, or why there is none."""
    try:
        return likeness.image_of(picture)
    except Refused as error:
        return str(error)


def _unusable(reasons: Sequence[str], count: int, paths: Sequence[Path | str]) -> DataCorrupt | DataMissing:
    if not reasons:
        return DataMissing(f"There are no pictures in {', '.join(map(str, paths)) or 'an empty list'}.")
    more = [f"… and {len(reasons) - TOLD:,} more."] if len(reasons) > TOLD else []
    last = [f"{len(reasons):,} of {counted(count, 'picture')} cannot be used."] if count > 1 else []
    return DataCorrupt("\n".join([*reasons[:TOLD], *more, *last]))
