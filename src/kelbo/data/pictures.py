"""One encoded picture, wherever it lies, and what is done to every picture of a set: decode, crop, resize."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageOps, UnidentifiedImageError

from kelbo.errors import DataCorrupt

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}
FORMATS = (*dict.fromkeys(SUFFIXES.values()),)
FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
MODES = {"rgb": "RGB", "grey": "L"}
MOST_BYTES = 128 * 2**20
"""of one encoded picture; a larger one is never read, whatever its name says it is"""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""
Crop = int | Box | Literal["centre", "whole"]
Filter = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]
Mode = Literal["rgb", "grey"]
Size = tuple[int, int]
"""Width and height in pixels, as Pillow has them."""


class Unreadable(DataCorrupt):
    """A picture whose bytes cannot be had or decoded, as against one that does not fit the options."""


@dataclass(frozen=True)
class Picture:
    """An encoded picture.

    name: its path, as messages call it. stamp: what tells it from every other picture and from another version of
    itself. read: its bytes; raises Unreadable.
    """

    name: str
    stamp: tuple[str | int, ...]
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Plan:
    """What is done to every picture: `size` is what comes out of it."""

    size: Size
    crop: Crop
    resize: Filter | None
    mode: Mode

    @property
    def note(self) -> str:
        resized = f"resized by {self.resize}" if self.resize else "not resized"
        return f"{self.mode} {by(self.size)}, crop {self.crop}, {resized}"


def from_file(file: Path) -> Picture:
    """A picture in a file. Its bytes are read when they are asked for."""
    status = file.stat()

    def read() -> bytes:
        if status.st_size > MOST_BYTES:
            raise Unreadable(f"{file} has {status.st_size:,} bytes; pictures of up to {MOST_BYTES:,} are read.")
        try:
            return file.read_bytes()
        except OSError as error:
            raise Unreadable(f"{file} cannot be read as a picture ({error}). Remove or replace it.") from error

    return Picture(str(file), (str(file.absolute()), status.st_size, status.st_mtime_ns), read)


def check_options(size: int | None, crop: Crop, resize: Filter | None, mode: str) -> None:
    """Raises ValueError where an option is impossible."""
    if size is not None and size < 1:
        raise ValueError(f"size must be 1 or more pixels; got {size}.")
    if resize is not None and resize not in FILTERS:
        raise ValueError(f"resize must be one of {', '.join(FILTERS)} or None; got {resize!r}.")
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; got {mode!r}.")
    box = isinstance(crop, tuple) and len(crop) == 4 and 0 <= crop[0] < crop[2] and 0 <= crop[1] < crop[3]
    if not (box or crop in ("centre", "whole") or (isinstance(crop, int) and crop >= 1)):
        raise ValueError(f'crop must be "centre", "whole", pixels or (left, top, right, bottom); got {crop!r}.')


@contextmanager
def bombs_refused() -> Iterator[None]:
    """Pillow warns of a picture of too many pixels before it refuses one; inside, that is an error already.

    To be entered once around all decoding: the filters of warnings are shared by all threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def planned(picture: Picture, plan: Plan) -> Image.Image:
    """The picture, decoded, cropped and resized. Raises Unreadable, or DataCorrupt where it does not fit the plan."""
    image = cropped(opened(picture, plan.mode), picture.name, plan.crop)
    if image.size == plan.size:
        return image
    if plan.resize is None:
        raise DataCorrupt(
            f"{picture.name} is {by(image.size)} pixels; {by(plan.size)} are expected. Name a size and a resize filter."
        )
    return image.resize(plan.size, FILTERS[plan.resize])


def by(size: Size) -> str:
    return f"{size[0]}×{size[1]}"


def opened(picture: Picture, mode: Mode) -> Image.Image:
    """The picture, turned upright as its EXIF tag says, as 8-bit RGB or grey; only the five formats are decoded."""
    name, encoded = picture.name, picture.read()
    try:
        with Image.open(io.BytesIO(encoded), formats=[*FORMATS]) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            frames = getattr(image, "n_frames", 1) if image.format in ("PNG", "WEBP") else 1
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"{name} claims to be larger than Pillow decodes safely: {error}") from error
    except UnidentifiedImageError as error:
        formats = ", ".join(FORMATS)
        raise Unreadable(f"{name} cannot be read as a picture (it is no {formats}). Remove or replace it.") from error
    except Exception as error:  # decoders fail in many ways on damaged files
        raise Unreadable(f"{name} cannot be read as a picture ({error}). Remove or replace it.") from error
    if frames > 1:
        raise DataCorrupt(f"{name} is an animation of {frames} frames. Save its frames as pictures.")
    if upright.mode.startswith(("I", "F")):
        raise DataCorrupt(f"{name} has more than 8 bits a pixel (mode {upright.mode}). Save it with 8.")
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        if upright.getchannel("A").getextrema() != (255, 255):
            raise DataCorrupt(f"{name} has transparent pixels. Save it over a background.")
    return upright.convert(MODES[mode])


def cropped(image: Image.Image, name: str, crop: Crop) -> Image.Image:
    """Raises DataCorrupt where the picture is smaller than the crop."""
    width, height = image.size
    if crop == "whole":
        return image
    if isinstance(crop, tuple):
        box = crop
    else:
        side = min(width, height) if crop == "centre" else int(crop)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
    if min(box) < 0 or box[2] > width or box[3] > height:
        raise DataCorrupt(f"{name} is {by(image.size)} pixels, too small for the crop {crop}.")
    return image.crop(box)
