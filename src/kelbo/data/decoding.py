"""Many pictures to one array, by threads (Pillow lets go of the interpreter while it works)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import PIL
from PIL import Image
from rich.console import Console
from rich.progress import track

from kelbo.data import cache as packed
from kelbo.data.images import ArrayImages
from kelbo.data.pictures import MODES, Crop, Filter, Mode, Picture, Plan, Unreadable, by, cropped, opened, planned
from kelbo.errors import DataCorrupt

Unread = Literal["refuse", "skip"]
CACHED_FROM = 5000
"""So many pictures and more are kept decoded where there is a cache."""
CHUNK = 512
"""pictures decoded between two looks at the progress"""


@dataclass
class Decoded:
    """The images read, and the places in the sequence asked for, with their messages, of those that were not."""

    images: ArrayImages
    left_out: dict[int, str] = field(default_factory=dict)

    def kept(self, count: int) -> np.ndarray:
        """Places (int64) of the images in the sequence of `count` pictures."""
        return np.setdiff1d(np.arange(count), np.array([*self.left_out], np.int64))


def check_unreadable(unreadable: str) -> None:
    if unreadable not in ("refuse", "skip"):
        raise ValueError(f'unreadable must be "refuse" or "skip"; got {unreadable!r}.')


def plan_for(
    pictures: Sequence[Picture], size: int | None, crop: Crop, resize: Filter | None, mode: Mode, unreadable: Unread
) -> Plan:
    """What is done to every picture; without a `size`, it is that of the first one that can be read, cropped."""
    if size:
        return Plan((size, size), crop, resize, mode)
    picture, image = first_readable(pictures, mode, unreadable)
    return Plan(cropped(image, picture.name, crop).size, crop, None, mode)


def first_readable(pictures: Iterable[Picture], mode: Mode, unreadable: Unread) -> tuple[Picture, Image.Image]:
    """The first picture, decoded, or where they are skipped the first that can be. Raises DataCorrupt where none can."""
    for picture in pictures:
        try:
            return picture, opened(picture, mode)
        except Unreadable:
            if unreadable == "refuse":
                raise
    raise DataCorrupt("None of the pictures could be read.")


def decode(
    pictures: Sequence[Picture], plan: Plan, *, unreadable: Unread = "refuse", cache: Path | None = None
) -> Decoded:
    """All pictures as uint8 (N, 3 or 1, H, W), in their order.

    unreadable: what becomes of pictures that cannot be decoded, "refuse" or "skip". cache: where sets of 5,000 and more
    pictures are kept decoded, and mapped from then on.

    Raises DataCorrupt, naming the picture, where one is refused or does not fit the plan, or none could be read;
    DataError where the cache cannot be written.
    """
    if cache is not None and len(pictures) >= CACHED_FROM:
        return _kept(pictures, plan, unreadable, cache)
    pixels, count, left_out = np.empty((len(pictures), *_shape(plan)), np.uint8), 0, {}
    for chunk in _chunks(pictures, plan, unreadable, left_out):
        pixels[count : count + len(chunk)] = chunk
        count += len(chunk)
    if count == 0:
        raise DataCorrupt(f"None of the {len(pictures):,} pictures could be read: {left_out[min(left_out)]}")
    return Decoded(ArrayImages(pixels[:count]), dict(sorted(left_out.items())))


def note_of(left_out: Sequence[str]) -> str:
    """What a set's note says of the pictures left out, by their messages."""
    return f", {len(left_out):,} unreadable left out (the first: {left_out[0]})" if left_out else ""


def _kept(pictures: Sequence[Picture], plan: Plan, unreadable: Unread, cache: Path) -> Decoded:
    stamps = [picture.stamp for picture in pictures]
    key = packed.key_of(stamps, plan.size, plan.crop, plan.resize, plan.mode, unreadable, PIL.__version__)
    found, left_out = packed.find(cache, key), {}
    if found is None:
        chunks = _chunks(pictures, plan, unreadable, left_out, show=True)
        found = packed.store(
            cache, key, _shape(plan), len(pictures), chunks, lambda: {"left_out": sorted(left_out.items())}
        )
    images, record = found
    return Decoded(images, {int(place): str(why) for place, why in record["left_out"]})


def _shape(plan: Plan) -> tuple[int, int, int]:
    return len(MODES[plan.mode]), plan.size[1], plan.size[0]


def _chunks(
    pictures: Sequence[Picture], plan: Plan, unreadable: Unread, left_out: dict[int, str], show: bool = False
) -> Iterator[np.ndarray]:
    """The pixels, a chunk at a time; fills `left_out`. show: a bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    starts = range(0, len(pictures), CHUNK)
    label = f"decoding {len(pictures):,} pictures to {by(plan.size)}, once"
    shown = track(starts, label, console=console, transient=True, disable=not (show and console.is_terminal))

    def pixels_at(place: int) -> np.ndarray | None:
        try:
            return np.atleast_3d(np.asarray(planned(pictures[place], plan))).transpose(2, 0, 1)
        except Unreadable as error:
            if unreadable == "refuse":
                raise
            left_out[place] = str(error)
            return None

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in shown:  # asked for in order: the first to fail stops the rest
            read = [*pool.map(pixels_at, range(start, min(start + CHUNK, len(pictures))))]
            kept = [pixels for pixels in read if pixels is not None]
            if kept:
                yield np.stack(kept)
