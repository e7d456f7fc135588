"""Pictures in a folder: PNG, JPEG, WebP and BMP files, decoded by Pillow into one array."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from kelbo.data.images import ArrayImages, ImageSet, hold_out
from kelbo.errors import DataCorrupt, DataMissing

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}
FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
MODES = {"rgb": "RGB", "grey": "L"}
SPLITS = ("train", "validation", "test")

Crop = int | tuple[int, int, int, int] | Literal["centre", "none"]
Filter = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]
Size = tuple[int, int]
"""Width and height in pixels, as Pillow has them."""


@dataclass(frozen=True)
class _Plan:
    """What is done to every picture."""

    size: Size
    crop: Crop
    resize: Filter | None
    mode: str


def folder(
    path: Path | str,
    size: int | None = 64,
    *,
    crop: Crop = "centre",
    resize: Filter | None = "lanczos",
    mode: Literal["rgb", "grey"] = "rgb",
    held_out: float = 0.1,
    split_seed: int = 0,
) -> ImageSet:
    """All pictures of a folder and its sub-folders, sorted by path, as uint8 (N, 3 or 1, H, W).

    Where there is a sub-folder train/ beside test/ or validation/, these are the splits and nothing else is read; else a
    seeded draw of the fraction `held_out` is the split "test". Hidden files and files of other kinds are passed over.
    Each picture is turned as its EXIF tag says, brought to `mode` (grey is ITU-R 601 luma), cropped, then resized.

    size:   pixels of the square that pictures are resized to; None keeps their size, which must then be one
    crop:   "centre", the largest central square; a number, the central square of so many pixels; a box (left, top,
            right, bottom) in pixels; "none", the whole picture (resizing to a square then changes its proportions)
    resize: Pillow's filter, "lanczos", "bicubic", "bilinear", "box" or "nearest"; on making smaller, all but nearest
            widen their support, that is, are antialiased. None refuses pictures that are not of `size` already

    Raises DataMissing where there are no pictures; DataCorrupt, naming the file, where one cannot be read, has another
    size than asked, is smaller than the crop, or holds what 8 bits of `mode` cannot (16-bit pixels, transparency,
    animation); ValueError where an option is impossible.
    """
    root = Path(path)
    _check(size, crop, resize, mode)
    if not root.is_dir():
        raise DataMissing(f"There is no folder {root}. Name a folder of {', '.join(SUFFIXES)} files.")
    names = [name for name in SPLITS if (root / name).is_dir()]
    split = "train" in names and len(names) > 1
    files = {name: _pictures(root / name) for name in names} if split else {"all": _pictures(root)}
    with warnings.catch_warnings():  # out here, since filters are shared by all threads
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        first = next(iter(files.values()))[0]
        shape = (size, size) if size else _cropped(_opened(first, mode), first, crop).size
        plan = _Plan(shape, crop, resize if size else None, mode)
        decoded = {name: _decoded(paths, plan) for name, paths in files.items()}
    note = f"{root}, {mode} {_by(shape)}, crop {crop}, {f'resized by {plan.resize}' if plan.resize else 'not resized'}"
    if split:
        return ImageSet(root.resolve().name, decoded, f"{note}, splits by sub-folder")
    splits = hold_out(decoded["all"], held_out, split_seed)
    return ImageSet(root.resolve().name, splits, f"{note}, {held_out:g} held out by seed {split_seed}")


def _check(size: int | None, crop: Crop, resize: Filter | None, mode: str) -> None:
    if size is not None and size < 1:
        raise ValueError(f"size must be 1 or more pixels; got {size}.")
    if resize is not None and resize not in FILTERS:
        raise ValueError(f"resize must be one of {', '.join(FILTERS)} or None; got {resize!r}.")
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; got {mode!r}.")
    box = isinstance(crop, tuple) and len(crop) == 4 and 0 <= crop[0] < crop[2] and 0 <= crop[1] < crop[3]
    if not (box or crop in ("centre", "none") or (isinstance(crop, int) and crop >= 1)):
        raise ValueError(f'crop must be "centre", "none", pixels or (left, top, right, bottom); got {crop!r}.')


def _pictures(root: Path) -> list[Path]:
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
    return sorted(files, key=lambda file: file.relative_to(root).as_posix())


def _decoded(files: Sequence[Path], plan: _Plan) -> ArrayImages:
    """All pictures in one array, decoded by threads (Pillow lets go of the interpreter while it works)."""
    width, height = plan.size
    pixels = np.empty((len(files), len(MODES[plan.mode]), height, width), np.uint8)

    def fill(place: int) -> None:
        pixels[place] = np.atleast_3d(np.asarray(_picture(files[place], plan))).transpose(2, 0, 1)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for _ in pool.map(fill, range(len(files))):  # asked for one by one: the first to fail stops the rest
            pass
    return ArrayImages(pixels)


def _picture(file: Path, plan: _Plan) -> Image.Image:
    picture = _cropped(_opened(file, plan.mode), file, plan.crop)
    if picture.size == plan.size:
        return picture
    if plan.resize is None:
        raise DataCorrupt(
            f"{file} is {_by(picture.size)} pixels; {_by(plan.size)} are expected. Name a size and a resize filter."
        )
    return picture.resize(plan.size, FILTERS[plan.resize])


def _by(size: Size) -> str:
    return f"{size[0]}×{size[1]}"


def _opened(file: Path, mode: str) -> Image.Image:
    """The picture, turned upright, as 8-bit RGB or grey."""
    try:
        with Image.open(file, formats=[*set(SUFFIXES.values())]) as opened:
            opened.load()
            picture = ImageOps.exif_transpose(opened)
            frames = getattr(opened, "n_frames", 1) if opened.format in ("PNG", "WEBP") else 1
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataCorrupt(f"{file} claims to be larger than Pillow decodes safely: {error}") from error
    except Exception as error:  # decoders fail in many ways on damaged files
        raise DataCorrupt(f"{file} cannot be read as a picture ({error}). Remove or replace it.") from error
    if frames > 1:
        raise DataCorrupt(f"{file} is an animation of {frames} frames. Save its frames as pictures.")
    if picture.mode.startswith(("I", "F")):
        raise DataCorrupt(f"{file} has more than 8 bits a pixel (mode {picture.mode}). Save it with 8.")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() != (255, 255):
            raise DataCorrupt(f"{file} has transparent pixels. Save it over a background.")
    return picture.convert(MODES[mode])


def _cropped(picture: Image.Image, file: Path, crop: Crop) -> Image.Image:
    width, height = picture.size
    if crop == "none":
        return picture
    if isinstance(crop, tuple):
        box = crop
    else:
        side = min(width, height) if crop == "centre" else int(crop)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
    if min(box) < 0 or box[2] > width or box[3] > height:
        raise DataCorrupt(f"{file} is {_by(picture.size)} pixels, too small for the crop {crop}.")
    return picture.crop(box)
