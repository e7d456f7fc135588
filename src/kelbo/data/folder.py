"""Pictures in a folder or a zip archive: PNG, JPEG, WebP and BMP files, decoded by Pillow into one array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kelbo.data.decoding import Unread, check_unreadable, decode, note_of, plan_for
from kelbo.data.images import ImageSet, hold_out
from kelbo.data.pictures import SUFFIXES, Crop, Filter, Mode, Picture, bombs_refused, check_options, from_file
from kelbo.data.zipped import zipped
from kelbo.errors import DataMissing

SPLITS = ("train", "validation", "test")


def folder(
    path: Path | str,
    size: int | None = 64,
    *,
    crop: Crop = "centre",
    resize: Filter | None = "lanczos",
    mode: Mode = "rgb",
    unreadable: Unread = "refuse",
    held_out: float = 0.1,
    split_seed: int = 0,
    cache: Path | None = None,
) -> ImageSet:
    """All pictures of a folder and its sub-folders, or of a `.zip`, sorted by path, as uint8 (N, 3 or 1, H, W).

    Where there is a sub-folder train/ beside test/ or validation/, these are the splits and nothing else is read; else a
    seeded draw of the fraction `held_out` is the split "test". Hidden files and files of other kinds are passed over; so
    is a single folder around all of an archive. Each picture is turned as its EXIF tag says, brought to `mode` (grey is
    ITU-R 601 luma), cropped, then resized.

    size:   pixels of the square that pictures are resized to; None keeps their size, which must then be one
    crop:   "centre", the largest central square; a number, the central square of so many pixels; a box (left, top,
            right, bottom) in pixels; "whole", the whole picture (resizing to a square then changes its proportions)
    resize: Pillow's filter, "lanczos", "bicubic", "bilinear", "box" or "nearest"; on making smaller, all but nearest
            widen their support, that is, are antialiased. None refuses pictures that are not of `size` already
    unreadable: "refuse", or "skip" pictures that cannot be decoded; the note then counts them and names the first
    cache:  a folder where sets of 5,000 pictures and more are kept decoded and mapped from then on; None keeps none

    Raises DataMissing where there are no pictures; DataCorrupt, naming the file, where one cannot be read, has another
    size than asked, is smaller than the crop, or holds what 8 bits of `mode` cannot (16-bit pixels, transparency,
    animation), or where the archive is damaged or a name in it leads out of it; DataError where the cache cannot be
    written; ValueError where an option is impossible.
    """
    root = Path(path)
    check_options(size, crop, resize, mode)
    check_unreadable(unreadable)
    is_zip = root.suffix.lower() == ".zip" and not root.is_dir()
    with _zip(root) if is_zip else _folder(root) as found, bombs_refused():
        plan = plan_for([*next(iter(found.values()))], size, crop, resize, mode, unreadable)
        decoded = {name: decode(files, plan, unreadable=unreadable, cache=cache) for name, files in found.items()}
    name = root.resolve().stem if is_zip else root.resolve().name
    note = f"{root}, {plan.note}{note_of([why for part in decoded.values() for why in part.left_out.values()])}"
    images = {split: part.images for split, part in decoded.items()}
    if "all" not in images:
        return ImageSet(name, images, f"{note}, splits by sub-folder")
    splits = hold_out(images["all"], held_out, split_seed)
    return ImageSet(name, splits, f"{note}, {held_out:g} held out by seed {split_seed}")


@contextmanager
def _folder(root: Path) -> Iterator[dict[str, Sequence[Picture]]]:
    """A folder's pictures by split, or as "all"."""
    if not root.is_dir():
        raise DataMissing(
            f"There is no folder {root}. Name a folder of {', '.join(SUFFIXES)} files, or a .zip of them."
        )
    names = [name for name in SPLITS if (root / name).is_dir()]
    yield {name: _files(root / name) for name in names} if _are_splits(names) else {"all": _files(root)}


@contextmanager
def _zip(archive: Path) -> Iterator[dict[str, Sequence[Picture]]]:
    """An archive's pictures by split, or as "all"."""
    if not archive.is_file():
        raise DataMissing(f"There is no archive {archive}. Name a .zip of {', '.join(SUFFIXES)} files, or a folder.")
    with zipped(archive) as pictures:
        if not pictures:
            raise DataMissing(f"The archive {archive} holds no pictures ({', '.join(SUFFIXES)}).")
        parts = _by_top_folder(pictures)
        if len(parts) == 1 and next(iter(parts)):
            top = next(iter(parts))
            parts = _by_top_folder({name.removeprefix(f"{top}/"): picture for name, picture in pictures.items()})
        names = [name for name in SPLITS if name in parts]
        yield {name: parts[name] for name in names} if _are_splits(names) else {"all": [*pictures.values()]}


def _by_top_folder(pictures: Mapping[str, Picture]) -> dict[str, list[Picture]]:
    parts: dict[str, list[Picture]] = {}
    for name, picture in pictures.items():
        parts.setdefault(name.rpartition("/")[0].partition("/")[0], []).append(picture)
    return parts


def _are_splits(names: Sequence[str]) -> bool:
    return "train" in names and len(names) > 1


def _files(root: Path) -> list[Picture]:
    """The pictures under a folder, in the order of their paths, which is the same on every system."""
    files = [
        file
        for file in root.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
        and file.is_file()
    ]
    if not files:
        raise DataMissing(f"The folder {root} holds no pictures ({', '.join(SUFFIXES)}), nor do its sub-folders.")
    return [from_file(file) for file in sorted(files, key=lambda file: file.relative_to(root).as_posix())]
