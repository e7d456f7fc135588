"""CelebA (Liu et al., 2015): aligned faces with 40 attributes, from the official files.

The pictures are in `img_align_celeba.zip`, read as a stream, or unpacked in `img_align_celeba/`; the attributes are in
`list_attr_celeba.txt`, the partition in `list_eval_partition.txt` (or both as `.csv`, a form also in circulation).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kelbo.data.decoding import Unread, check_unreadable, decode, first_readable, note_of, refused
from kelbo.data.encoded_pictures import (
    Box,
    Deep,
    EncodedPicture,
    Filter,
    Preprocessing,
    Size,
    by,
    check_options,
    pillow_size,
)
from kelbo.data.image_set import ImageSet
from kelbo.data.listing import Listing, listed, used_and_left_out
from kelbo.data.opening import decoding_strictly
from kelbo.data.roots import missing
from kelbo.data.splits import SPLITS
from kelbo.data.zipped import zipped
from kelbo.errors import DataCorrupt

PLACES = ("celeba", "CelebA", ".")
PICTURES, ATTRIBUTES, PARTITION = "img_align_celeba", "list_attr_celeba", "list_eval_partition"
OFFICIAL: Size = (178, 218)


def celeba(
    root: Path | str,
    size: int | tuple[int, int] = 64,
    *,
    crop: int | Box = 148,
    resize: Filter = "lanczos",
    depth: Deep = "refuse",
    unreadable: Unread = "refuse",
    cache: Path | None = None,
) -> ImageSet:
    """The faces as uint8 (N, 3, H, W) in the official partition, with their attributes as 0 or 1.

    root:   a folder holding the official files in celeba/, CelebA/ or itself; any number of pictures; those that the
            partition does not list are left out and counted in the note
    size:   pixels of the square that faces are resized to, or (height, width), which takes a box to crop
    crop:   before resizing, a square of this many pixels, horizontally centred, with 4/7 of the remaining height above
            it: of the official 178×218 pixels, 148 keeps rows 40–187 and columns 15–162, as the release of
            VAE/GAN (Larsen et al., 2016) does; or a box (left, top, right, bottom)
    resize: Pillow's filter; all but nearest antialias
    depth, unreadable: as of `kelbo.data.folder`; skip leaves out pictures of the partition that are absent, too
    cache:  folder in which sets of 500 or more pictures are kept decoded, to be mapped in later runs; None for no cache

    Raises DataMissing if a file is absent; DataCorrupt, naming it, if one is damaged, the lists disagree or a
    picture is smaller than the crop; ValueError if an option is impossible.
    """
    check_options(size, crop, resize, "rgb", depth)
    if isinstance(crop, str):
        raise ValueError(f"crop must be pixels or (left, top, right, bottom); got {crop!r}.")
    check_unreadable(unreadable)
    folder = _located(Path(root))
    partition = _partition(_list(folder, PARTITION))
    names, row_of, attributes = _attributes(_list(folder, ATTRIBUTES), partition)
    with _listing(folder) as listing, decoding_strictly():
        places, others, absent = _listed(listing, partition, folder, skip=unreadable == "skip")
        partition = {name: part for name, part in partition.items() if name in places}
        frame = _frame(listing.pictures[np.array([*places.values()])], crop)
        plan = Preprocessing(pillow_size(size), box_of(frame, crop), resize, "rgb", depth)
        parts = {split: [name for name, part in partition.items() if part == i] for i, split in enumerate(SPLITS)}
        parts = {split: listed for split, listed in parts.items() if listed}
        found = {
            split: listing.pictures[np.array([places[name] for name in listed])] for split, listed in parts.items()
        }
        decoded = decode(found, plan, str(folder), unreadable=unreadable, cache=cache)
    kept = {split: np.array(listed)[decoded[split].kept(len(listed))] for split, listed in parts.items()}
    rows = {split: attributes[[row_of[name] for name in some.tolist()]] for split, some in kept.items()}
    reasons = refused(decoded)
    left_out = Counter(others) + Counter({"refused": len(reasons), "absent": len(absent)})
    counts = used_and_left_out([str(name) for some in kept.values() for name in some], left_out)
    return ImageSet(
        "celeba",
        {split: part.images for split, part in decoded.items()},
        f"CelebA's official partition, {counts}{note_of(reasons)}, {plan.note}",
        attributes=rows,
        attribute_names=names,
        names=kept,
        left_out=(*reasons, *absent),
        used=counts,
        frame=frame,
        sources={split: f"partition {SPLITS.index(split)}" for split in parts},
    )


def _located(root: Path) -> Path:
    """The first folder with the pictures and both lists."""
    folders, lacking = [root / place for place in PLACES], []
    for folder in folders:
        here = {
            f"{PICTURES}.zip": (folder / PICTURES).is_dir() or (folder / f"{PICTURES}.zip").is_file(),
            **{f"{name}.txt": _either(folder, name) is not None for name in (ATTRIBUTES, PARTITION)},
        }
        if all(here.values()):
            return folder
        if any(here.values()):
            lacking += [str(folder / name) for name, there in here.items() if not there]
    wanted = f"{PICTURES}.zip (or the folder {PICTURES}), {ATTRIBUTES}.txt, {PARTITION}.txt"
    raise missing("CelebA", wanted, folders, lacking)


def _either(folder: Path, name: str) -> Path | None:
    return next((file for end in ("txt", "csv") if (file := folder / f"{name}.{end}").is_file()), None)


class _Lines(NamedTuple):
    """A list's file, and its lines that are not empty."""

    path: Path
    lines: list[str]

    @property
    def is_csv(self) -> bool:
        return self.path.suffix == ".csv"

    def words(self, start: int = 0) -> Iterator[list[str]]:
        """Of one line after the other, for all together take a kilobyte a picture."""
        lines = islice(self.lines, start, None)
        return (line.strip().split(",") if self.is_csv else line.split() for line in lines)


def _list(folder: Path, name: str) -> _Lines:
    path = _either(folder, name)
    assert path is not None  # _located has seen it
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DataCorrupt(f"{path} cannot be read as a list: {error}. Fetch it again.") from error
    blank = "," if path.suffix == ".csv" else None
    return _Lines(path, [line for line in text.splitlines() if line.strip().strip(blank)])


def _partition(read: _Lines) -> dict[str, int]:
    """Pictures' names to 0, 1 or 2, in the list's order."""
    path, partition = read.path, {}
    for words in read.words(1 if read.is_csv else 0):
        if len(words) != 2 or words[1] not in ("0", "1", "2") or not _is_name(words[0]):
            raise DataCorrupt(
                f"{path} should hold lines like '000001.jpg 0', 0, 1 or 2; found {' '.join(words)[:60]!r}."
            )
        if words[0] in partition:
            raise DataCorrupt(f"{path} lists {words[0]} twice.")
        partition[words[0]] = int(words[1])
    for number in (0, 2):
        if number not in partition.values():
            raise DataCorrupt(f"{path} lists no picture of the split {SPLITS[number]} ({number}).")
    return partition


def _is_name(word: str) -> bool:
    """Whether this is a bare file name, without any folder."""
    stem, dot, end = word.partition(".")
    return stem.isdigit() and dot == "." and end in ("jpg", "png")


def _attributes(read: _Lines, partition: Mapping[str, int]) -> tuple[tuple[str, ...], dict[str, int], np.ndarray]:
    """The attributes' names, each picture's row, and the rows' values, int8 0 or 1."""
    path = read.path
    if len(read.lines) < 2:
        raise DataCorrupt(f"{path} should hold the attributes' names and a line for each picture; it is cut off.")
    first, second = islice(read.words(), 2)
    names, start = (first[1:], 1) if read.is_csv else (second, 2)
    values, row_of = np.empty((len(read.lines) - start, len(names)), np.int8), {}
    for row, (name, *words) in enumerate(read.words(start)):
        if len(words) != len(names) or not {*words} <= {"-1", "1"}:
            raise DataCorrupt(
                f"{path} should hold a name and {len(names)} numbers, -1 or 1, in each line; found "
                f"{' '.join([name, *words])[:60]!r}."
            )
        values[row], row_of[name] = [word == "1" for word in words], row
    if not read.is_csv and first != [str(len(values))]:
        raise DataCorrupt(f"{path} claims {' '.join(first)[:60]} lines and has {len(values)}; fetch it again.")
    lacking = [name for name in partition if name not in row_of]
    if lacking:
        raise DataCorrupt(f"{path} lacks {len(lacking)} pictures of the partition, {lacking[0]} first.")
    return tuple(names), row_of, values


@contextmanager
def _listing(folder: Path) -> Iterator[Listing]:
    """The contents of the folder of pictures if it exists, else of the archive."""
    if (folder / PICTURES).is_dir():
        yield listed(folder / PICTURES)
        return
    with zipped(folder / f"{PICTURES}.zip") as listing:
        yield listing


def _listed(
    listing: Listing, partition: Mapping[str, int], folder: Path, *, skip: bool
) -> tuple[dict[str, int], Mapping[str, int], tuple[str, ...]]:
    """Where the partition's pictures are listed, by their names; how many other files there are, by kind; and which pictures
    are absent. skip: whether some may be.
    """
    found = {path.removeprefix(f"{PICTURES}/"): place for place, path in enumerate(listing.pictures.paths)}
    lacking = [name for name in partition if name not in found]
    place = folder / (PICTURES if (folder / PICTURES).is_dir() else f"{PICTURES}.zip")
    if lacking and (not skip or len(lacking) == len(partition)):
        raise DataCorrupt(
            f"{place} lacks {len(lacking):,} of the partition's {len(partition):,} pictures, {lacking[0]} first. Fetch it "
            "again, or leave these out (data.unreadable=skip)."
        )
    unlisted = len(found.keys() - partition.keys())
    others = dict(listing.left_out) | ({"not in the partition": unlisted} if unlisted else {})
    absent = tuple(f"{name} is not in {place}" for name in lacking)
    return {name: found[name] for name in partition if name in found}, others, absent


def _frame(pictures: Sequence[EncodedPicture], crop: int | Box) -> Size:
    """The pictures' size, which is that of the first. DataCorrupt if a square to crop is larger."""
    first, image = first_readable(pictures, "rgb", "scale")
    if not isinstance(crop, tuple) and crop > min(image.size):
        raise DataCorrupt(
            f"{first.name} is {by(image.size)} pixels, too small for the crop {crop}, which is meant for the official "
            f"{by(OFFICIAL)}. Name a smaller crop: {round(148 * image.width / OFFICIAL[0])} keeps the same part of the face."
        )
    return image.size


def box_of(frame: Size, crop: int | Box) -> Box:
    """The crop as a box in pictures of this size."""
    if isinstance(crop, tuple):
        return crop
    left, top = (frame[0] - crop) // 2, round((frame[1] - crop) * 4 / 7)
    return left, top, left + crop, top + crop
