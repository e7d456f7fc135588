"""Pictures in a folder or a zip archive: PNG, JPEG, WebP and BMP files, decoded by Pillow into one array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kelbo.data.decoding import Unread, check_unreadable, decode, note_of, plan_for
from kelbo.data.images import ImageSet, drawn, hold_out
from kelbo.data.layout import divide
from kelbo.data.pictures import SUFFIXES, Crop, Filter, Mode, Picture, bombs_refused, check_options, from_file
from kelbo.data.splits import Splits, told
from kelbo.data.zipped import folders_of, zipped
from kelbo.errors import DataMissing


def folder(
    path: Path | str,
    size: int | None = 64,
    *,
    crop: Crop = "centre",
    resize: Filter | None = "lanczos",
    mode: Mode = "rgb",
    unreadable: Unread = "refuse",
    splits: Splits = "auto",
    held_out: float = 0.1,
    split_seed: int = 0,
    cache: Path | None = None,
) -> ImageSet:
    """All pictures of a folder and its sub-folders, or of a `.zip`, sorted by path, as uint8 (N, 3 or 1, H, W).

    Folders named as splits in any case (train, training; validation, valid, val, dev; test, testing, eval; val2017,
    test_images, …) are the splits, be they at the top, below folders around everything, or in each class's folder;
    without a test split the validation split is "test". Else, or where there is "train" alone, a seeded draw of the
    fraction `held_out` is. The note says which. Hidden files and files of other kinds are passed over. Each picture is
    turned as its EXIF tag says, brought to `mode` (grey is ITU-R 601 luma), cropped, then resized.

    size:   pixels of the square that pictures are resized to; None keeps their size, which must then be one
    crop:   "centre", the largest central square; a number, the central square of so many pixels; a box (left, top,
            right, bottom) in pixels; "whole", the whole picture (resizing to a square then changes its proportions)
    resize: Pillow's filter, "lanczos", "bicubic", "bilinear", "box" or "nearest"; on making smaller, all but nearest
            widen their support, that is, are antialiased. None refuses pictures that are not of `size` already
    unreadable: "refuse", or "skip" pictures that cannot be decoded; the note then counts them and names the first
    splits: "auto"; "named" leaves out what lies in no split's folder; "none" draws whatever the folders are called
    cache:  a folder where sets of 5,000 pictures and more are kept decoded and mapped from then on; None keeps none

    Raises DataMissing where there are no pictures; DataCorrupt, naming the file, where one cannot be read, has another
    size than asked, is smaller than the crop, or holds what 8 bits of `mode` cannot (16-bit pixels, transparency,
    animation), where folders look like splits but cannot be taken as such, or where the archive is damaged or a name in
    it leads out of it; DataError where the cache cannot be written; ValueError where an option is impossible.
    """
    root = Path(path)
    check_options(size, crop, resize, mode)
    check_unreadable(unreadable)
    is_zip = root.suffix.lower() == ".zip" and not root.is_dir()
    with _zip(root) if is_zip else _folder(root) as (found, folders), bombs_refused():
        division = divide([*found], str(root), folders=folders, splits=splits)
        pictures = [*found.values()]
        parts = {split: [pictures[place] for place in places] for split, places in division.parts.items()}
        plan = plan_for(next(iter(parts.values())), size, crop, resize, mode, unreadable)
        decoded = {split: decode(part, plan, unreadable=unreadable, cache=cache) for split, part in parts.items()}
    name = root.resolve().stem if is_zip else root.resolve().name
    left_out = f", {division.left_out:,} pictures in no split left out" if division.left_out else ""
    note = (
        f"{root}, {plan.note}{note_of([why for part in decoded.values() for why in part.left_out.values()])}{left_out}"
    )
    images = {split: part.images for split, part in decoded.items()}
    if "all" not in images:
        return ImageSet(name, images, f"{note}, {told(division.sources)}", sources=division.sources)
    sources = drawn(held_out, split_seed, division.sources.get("all"))
    return ImageSet(name, hold_out(images["all"], held_out, split_seed), f"{note}, {sources['test']}", sources=sources)


@contextmanager
def _folder(root: Path) -> Iterator[tuple[dict[str, Picture], Iterable[str]]]:
    """A folder's pictures by their paths in it, and all folders in it."""
    if not root.is_dir():
        raise DataMissing(
            f"There is no folder {root}. Name a folder of {', '.join(SUFFIXES)} files, or a .zip of them."
        )
    yield _files(root)


@contextmanager
def _zip(archive: Path) -> Iterator[tuple[dict[str, Picture], Iterable[str]]]:
    """An archive's pictures by their paths in it, and all folders that it names."""
    if not archive.is_file():
        raise DataMissing(f"There is no archive {archive}. Name a .zip of {', '.join(SUFFIXES)} files, or a folder.")
    with zipped(archive) as pictures:
        if not pictures:
            raise DataMissing(f"The archive {archive} holds no pictures ({', '.join(SUFFIXES)}).")
        yield pictures, folders_of(archive)


def _files(root: Path) -> tuple[dict[str, Picture], list[str]]:
    """The pictures under a folder by their paths, sorted, which is the same order on every system; and its folders."""
    files, folders = {}, []
    for entry in root.rglob("*"):
        path = entry.relative_to(root)
        if any(part.startswith(".") for part in path.parts):
            continue
        if entry.suffix.lower() in SUFFIXES and entry.is_file():
            files[path.as_posix()] = entry
        elif entry.is_dir():
            folders.append(path.as_posix())
    if not files:
        raise DataMissing(f"The folder {root} holds no pictures ({', '.join(SUFFIXES)}), nor do its sub-folders.")
    return {path: from_file(files[path]) for path in sorted(files)}, folders
