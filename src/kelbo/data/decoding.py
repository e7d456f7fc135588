"""Decode many pictures into one array, in threads (Pillow releases the interpreter's lock while it decodes)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import PIL
from PIL import Image
from rich.console import Console
from rich.progress import track

from kelbo.container import memory, processors
from kelbo.data import cache as packed
from kelbo.data.cache_use import failure, tell_failure
from kelbo.data.encoded_pictures import (
    MODES,
    Crop,
    Deep,
    EncodedPicture,
    EncodedPictures,
    Filter,
    Mode,
    Preprocessing,
    Refused,
    Sides,
    by,
    pillow_size,
)
from kelbo.data.images import ArrayImages
from kelbo.data.opening import cropped, opened, planned
from kelbo.data.paths import Paths
from kelbo.errors import DataCorrupt, DataError
from kelbo.units import sized

Unread = Literal["refuse", "skip"]
CACHED_FROM = 500
"""Sets of this many pictures or more are kept decoded if there is a cache."""
CHUNK = 512
"""pictures decoded between two updates of the progress bar"""
TOLD = 5
"""largest number of refused pictures that a message names"""


class PicturesRefused(DataCorrupt):
    """Some pictures cannot be read, would lose what they hold, or do not fit the options.

    reasons: one message for each of them. count: number of all pictures. summary: how many were refused, and what to do.
    """

    def __init__(self, reasons: Sequence[str], count: int) -> None:
        self.reasons, self.count = tuple(reasons), count
        them = "it" if len(reasons) == 1 else "them"
        self.summary = (
            f"{len(reasons):,} of {count:,} pictures cannot be used. Repair or remove {them}, or set unreadable to "
            f'"skip" (data.unreadable in a recipe) to leave {them} out.'
        )
        more = [f"… and {len(reasons) - TOLD:,} more, which `kelbo data check` lists."] if len(reasons) > TOLD else []
        super().__init__("\n".join([*self.reasons[:TOLD], *more, self.summary]))


@dataclass
class Decoded:
    """The images that were read; and the places in the requested sequence of those that were not, with their messages."""

    images: ArrayImages
    left_out: dict[int, str] = field(default_factory=dict)

    def kept(self, count: int) -> np.ndarray:
        """Places (int64) of the images in the sequence of `count` pictures."""
        return np.delete(np.arange(count), [*self.left_out])


def check_unreadable(unreadable: str) -> None:
    if unreadable not in ("refuse", "skip"):
        raise ValueError(f'unreadable must be "refuse" or "skip"; got {unreadable!r}.')


def plan_for(
    pictures: Sequence[EncodedPicture], size: Sides, crop: Crop, resize: Filter | None, mode: Mode, depth: Deep
) -> Preprocessing:
    """The preprocessing of every picture. Without a `size`, the size of the first readable picture, cropped, is used."""
    if size:
        return Preprocessing(pillow_size(size), crop, resize, mode, depth)
    picture, image = first_readable(pictures, mode, depth)
    return Preprocessing(cropped(image, picture.name, crop).size, crop, None, mode, depth)


def first_readable(pictures: Iterable[EncodedPicture], mode: Mode, depth: Deep) -> tuple[EncodedPicture, Image.Image]:
    """The first picture that can be read, decoded. Raises PicturesRefused if none can."""
    reasons = []
    for picture in pictures:
        try:
            return picture, opened(picture, mode, depth)
        except Refused as error:
            reasons.append(str(error))
    raise PicturesRefused(reasons, len(reasons))


def decode(
    splits: Mapping[str, EncodedPictures],
    plan: Preprocessing,
    place: str,
    *,
    unreadable: Unread = "refuse",
    cache: Path | None = None,
) -> dict[str, Decoded]:
    """All pictures of all splits as uint8 (N, 3 or 1, H, W), in their order.

    place: where they are, for messages and the list of the cache. unreadable: what to do with pictures that cannot be read or
    do not fit the plan, "refuse" or "skip". cache: folder in which sets of 500 or more pictures are kept decoded, to be
    mapped in later runs; of several processes that want the same ones, one decodes them.

    Raises PicturesRefused, with all of them, if they are refused or a split has no others; DataError if the cache
    cannot be written.
    """
    decoded: dict[str, Decoded] = {}
    reasons: list[str] = []
    cache = cache if sum(map(len, splits.values())) >= CACHED_FROM else None
    for split, pictures in splits.items():
        try:
            found = _kept(pictures, plan, unreadable, cache, place, split) if cache else None
            decoded[split] = found or _read(pictures, plan, unreadable)
        except PicturesRefused as error:  # continue, so that the error lists those of the other splits too
            reasons += error.reasons
    if reasons:
        raise PicturesRefused(reasons, sum(map(len, splits.values())))
    return decoded


def paths_kept(splits: Mapping[str, EncodedPictures], decoded: Mapping[str, Decoded]) -> dict[str, Paths]:
    """The paths of the pictures that were read, by split."""
    paths = {split: pictures.paths for split, pictures in splits.items()}
    return {
        split: some[part.kept(len(some))] if (part := decoded[split]).left_out else some
        for split, some in paths.items()
    }


def refused(decoded: Mapping[str, Decoded]) -> tuple[str, ...]:
    """The messages of all pictures that were skipped."""
    return tuple(why for part in decoded.values() for why in part.left_out.values())


def require_two(decoded: Mapping[str, Decoded], place: str) -> None:
    """If a test split is to be drawn from one picture: PicturesRefused if others were skipped, else DataCorrupt."""
    part = decoded.get("all")
    if part is None or len(part.images) > 1:
        return
    if part.left_out:
        raise PicturesRefused([*part.left_out.values()], 1 + len(part.left_out))
    raise DataCorrupt(f"{place} holds 1 picture; 2 or more are needed to hold one out.")


def note_of(left_out: Sequence[str]) -> str:
    """The part of a set's note on refused pictures, beside their number."""
    return f" (the first refused: {left_out[0]})" if left_out else ""


def _read(pictures: Sequence[EncodedPicture], plan: Preprocessing, unreadable: Unread) -> Decoded:
    pixels, count, left_out = np.empty((len(pictures), *_shape(plan)), np.uint8), 0, {}
    for chunk in _chunks(pictures, plan, unreadable, left_out):
        pixels[count : count + len(chunk)] = chunk
        count += len(chunk)
    return Decoded(ArrayImages(pixels[:count]), dict(sorted(left_out.items())))


def _kept(
    pictures: EncodedPictures, plan: Preprocessing, unreadable: Unread, cache: Path, of: str, split: str
) -> Decoded | None:
    """The images from the cache, decoded now if it does not have them; None if it cannot keep them."""
    key, left_out = packed.key_of_many(pictures.stamps(), asdict(plan), unreadable, PIL.__version__), {}

    def chunks(since: float | None) -> Iterator[np.ndarray]:
        if told := failure(cache, key, since):
            raise PicturesRefused(told, len(pictures))
        try:
            yield from _chunks(pictures, plan, unreadable, left_out, show=True)
        except PicturesRefused as error:
            tell_failure(cache, key, error.reasons)
            raise

    found = packed.kept(
        cache,
        key,
        _shape(plan),
        len(pictures),
        of,
        chunks,
        lambda: {"split": split, "left_out": sorted(left_out.items())},
    )
    if found is None:
        if (size := len(pictures) * math.prod(_shape(plan))) > memory() // 2:
            raise DataError(
                f"The pictures of {of} take {sized(size)} decoded, more than half of this machine's memory, and the cache "
                f"{cache} cannot keep them. Name a folder with room for them in the environment variable KELBO_CACHE, or "
                "choose a smaller size."
            )
        return None
    images, record = found
    return Decoded(images, {int(place): str(why) for place, why in record["left_out"]})


def _shape(plan: Preprocessing) -> tuple[int, int, int]:
    return len(MODES[plan.mode]), plan.size[1], plan.size[0]


def _chunks(
    pictures: Sequence[EncodedPicture],
    plan: Preprocessing,
    unreadable: Unread,
    left_out: dict[int, str],
    show: bool = False,
) -> Iterator[np.ndarray]:
    """The pixels, a chunk at a time; fills `left_out`, and at the end raises PicturesRefused with these, or if no picture
    was read. show: a progress bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    starts = range(0, len(pictures), CHUNK)
    label = f"decoding {len(pictures):,} pictures to {by(plan.size)}, once"
    shown = track(starts, label, console=console, transient=True, disable=not (show and console.is_terminal))

    def pixels_at(place: int) -> np.ndarray | None:
        try:
            return np.atleast_3d(np.asarray(planned(pictures[place], plan))).transpose(2, 0, 1)
        except Refused as error:
            left_out[place] = str(error)
            return None

    with ThreadPoolExecutor(min(8, processors())) as pool:
        for start in shown:
            read = [*pool.map(pixels_at, range(start, min(start + CHUNK, len(pictures))))]
            kept = [pixels for pixels in read if pixels is not None]
            if kept and not (left_out and unreadable == "refuse"):
                yield np.stack(kept)
    if left_out and (unreadable == "refuse" or len(left_out) == len(pictures)):
        raise PicturesRefused([why for _, why in sorted(left_out.items())], len(pictures))
