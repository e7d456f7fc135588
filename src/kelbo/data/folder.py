"""Pictures in a folder or a zip archive, in every still format that Pillow decodes, as one array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from kelbo.data.classes import of_folders
from kelbo.data.decoding import Unread, check_unreadable, decode, note_of, paths_kept, plan_for, refused, require_two
from kelbo.data.encoded_pictures import Crop, Deep, Filter, Mode, Sides, check_options
from kelbo.data.formats import EXAMPLES
from kelbo.data.image_set import ImageSet, divided
from kelbo.data.layout import divide
from kelbo.data.listing import Listing, listed, used_and_left_out
from kelbo.data.opening import decoding_strictly
from kelbo.data.picture_table import described
from kelbo.data.splits import Splits
from kelbo.data.zipped import zipped
from kelbo.errors import DataMissing


def folder(
    path: Path | str,
    size: Sides = 64,
    *,
    crop: Crop = "centre",
    resize: Filter | None = "lanczos",
    mode: Mode = "rgb",
    depth: Deep = "refuse",
    unreadable: Unread = "refuse",
    splits: Splits = "auto",
    held_out: float = 0.1,
    split_seed: int = 0,
    attributes_file: Path | None = None,
    cache: Path | None = None,
) -> ImageSet:
    """All pictures of a folder and its sub-folders, or of a `.zip`, sorted by path, as uint8 (N, 3 or 1, H, W).

    Folders named as splits in any case (train, training; validation, valid, val, dev; test, testing, eval; val2017,
    test_images, …) are the splits, whether at the top, below folders around everything, or in each class's folder;
    without a test split the validation split is "test". If there are no splits, or only "train", a seeded draw of the
    fraction `held_out` is "test". The note says which. Links are followed, and each real file is read once. Hidden files
    and files of other kinds are left out; the note counts files used and left out. Each picture is turned as its EXIF tag
    says, converted to `mode` (grey is ITU-R 601 luma), cropped, then resized. Colour profiles are not applied.

    size:   pixels of the square that pictures are resized to, or (height, width); None keeps their size, which must then be
            equal
    crop:   "centre", the largest central part with the size's proportions; a number, the central square of that many pixels; a
            box (left, top, right, bottom) in pixels; "whole", the whole picture (resizing may then change its proportions)
    resize: Pillow's filter, "lanczos", "bicubic", "bilinear", "box" or "nearest"; when shrinking, all but nearest
            antialias. None refuses pictures that are not of `size` already
    depth:  "refuse", or "scale" pictures of more than 8 bits a channel: their full range is mapped onto 0–255
    unreadable: "refuse", or "skip" pictures that cannot be used; the note then counts them and names the first, and
            `left_out` names all
    splits: "auto"; "named" leaves out what is in no split's folder; "ignore" draws a test split whatever the folders' names
    attributes_file: a table of what is known of each picture: see `kelbo.data.picture_table`. Without it the innermost folder
            around each picture that is named as no split is its class, if every picture has one and there are several
    cache:  folder in which sets of 500 or more pictures are kept decoded, to be mapped in later runs; None for no cache

    Raises DataMissing if there are no pictures; PicturesRefused, listing each with its reason, if some cannot be
    read, have another size than asked, are smaller than the crop, or hold what 8 bits of `mode` cannot (more bits,
    transparency, several frames or pages); DataCorrupt if a folder cannot be listed, folders look like splits but cannot
    be taken as such, the archive is damaged or a name in it leads out of it; DataError if the cache cannot be written;
    ValueError if an option is impossible.
    """
    root = Path(path)
    check_options(size, crop, resize, mode, depth)
    check_unreadable(unreadable)
    with listing_of(root) as listing, decoding_strictly():
        division = divide(listing.pictures.paths, str(root), folders=listing.folders, splits=splits)
        parts = {split: listing.pictures[places] for split, places in division.parts.items()}
        plan = plan_for(next(iter(parts.values())), size, crop, resize, mode, depth)
        decoded = decode(parts, plan, str(root), unreadable=unreadable, cache=cache)
    name = root.resolve().stem if is_zip(root) else root.resolve().name
    names, reasons = paths_kept(parts, decoded), refused(decoded)
    require_two(decoded, str(root))
    left_out = Counter(listing.left_out) + Counter({"in no split": division.left_out, "refused": len(reasons)})
    counts = used_and_left_out(chain(*(some.file_names() for some in names.values())), left_out)
    note = f"{root}, {counts}{note_of(reasons)}, {plan.note}"
    images = {split: part.images for split, part in decoded.items()}
    found = ImageSet(name, images, note, names=names, left_out=reasons, used=counts, sources=division.sources)
    classes = of_folders(names)
    found = replace(found, labels=classes.labels, class_names=classes.names, unlabelled=classes.why_none)
    if attributes_file is not None:
        found = described(found, root, attributes_file, skip=unreadable == "skip")
    return divided(found, held_out, split_seed)


def is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and not path.is_dir()


def listing_of(root: Path) -> AbstractContextManager[Listing]:
    """The pictures of a folder or a zip, which can be read inside the block. Raises DataMissing if there are none."""
    return _zip(root) if is_zip(root) else _folder(root)


@contextmanager
def _folder(root: Path) -> Iterator[Listing]:
    if not root.is_dir():
        raise DataMissing(
            f"There is no folder {root}. Name a folder of pictures ({EXAMPLES}), or a .zip of them.",
            remedy=("data_root",),
        )
    yield _not_empty(listed(root), root)


@contextmanager
def _zip(archive: Path) -> Iterator[Listing]:
    if not archive.is_file():
        raise DataMissing(
            f"There is no archive {archive}. Name a .zip of pictures ({EXAMPLES}), or a folder.", remedy=("data_root",)
        )
    with zipped(archive) as listing:
        yield _not_empty(listing, archive)


def _not_empty(listing: Listing, place: Path) -> Listing:
    if not listing.pictures:
        raise DataMissing(
            f"{place} holds no pictures ({EXAMPLES}): {used_and_left_out([], listing.left_out)}.", remedy=("data_root",)
        )
    return listing
