"""Decode, crop and resize one encoded picture, or refuse it if that would lose information."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from kelbo.data.deep import NoScale, scaled
from kelbo.data.encoded_pictures import (
    FILTERS,
    MODES,
    Crop,
    Deep,
    EncodedPicture,
    Mode,
    Preprocessing,
    Refused,
    Size,
    by,
)
from kelbo.data.formats import formats_for
from kelbo.data.headers import EIGHT, Depth, Lost, depth_of, transparent_colour
from kelbo.shortage import raise_shortage

ONE_OF_SEVERAL = ("MPO", "PSD", "JPEG")
"""formats whose first picture is the main one: the others are previews, depth maps, second views or layers"""

STRAIGHT = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
"""modes that Pillow cannot convert correctly to RGBA or grey in one step, and the mode to convert them to first"""


@contextmanager
def decoding_strictly() -> Iterator[None]:
    """Inside the block, pictures of too many pixels raise errors instead of Pillow's warning, and truncated ones always do.

    Pillow's other warnings (such as of damaged tags) are silenced. Enter it once around all decoding: warning filters and
    Pillow's settings are shared by all threads.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def planned(picture: EncodedPicture, plan: Preprocessing) -> Image.Image:
    """The picture, decoded, cropped and resized. Raises Refused if it cannot be read or does not fit the plan."""
    return fitted(opened(picture, plan.mode, plan.depth), picture.name, plan)


def fitted(image: Image.Image, name: str, plan: Preprocessing) -> Image.Image:
    """The image cropped and resized. Raises Refused if it does not fit the plan."""
    image = cropped(image, name, plan.crop, plan.size)
    if image.size == plan.size:
        return image
    if plan.resize is None:
        raise Refused(
            f"{name} is {by(image.size)} pixels; {by(plan.size)} are expected (width × height). Name a size and a "
            "resize filter."
        )
    return image.resize(plan.size, FILTERS[plan.resize])


def opened(picture: EncodedPicture, mode: Mode, depth: Deep = "refuse") -> Image.Image:
    """The picture, turned upright as its EXIF tag says, as 8-bit RGB or grey.

    Raises Refused if it cannot be read, or if that would lose information: depth (unless depth is "scale"),
    transparency, further frames or pages, channels. Colour profiles and gamma are not applied.
    """
    name, encoded, formats, found = picture.name, picture.read(), formats_for(picture.name), EIGHT
    try:
        found = depth_of(encoded)
        if found.is_read:
            upright = _decoded(name, encoded, formats, found)
        elif depth == "scale":
            upright = scaled(encoded, found, formats)
        else:
            raise Refused(f"{name} {_too_deep(found, _scales(encoded, found, formats))}")
        if upright.mode.startswith(("I", "F")):
            raise Refused(f"{name} has more than 8 bits a channel (mode {upright.mode}). Save it with 8.")
        upright = upright.convert(STRAIGHT.get(upright.mode, upright.mode))
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            if upright.getchannel("A").getextrema() != (255, 255):
                raise Refused(f"{name} has transparent pixels. Save it over a background.")
        return upright.convert(MODES[mode])
    except Refused:
        raise
    except (Lost, NoScale) as error:
        raise Refused(f"{name} {error}. Save what you need of it as an 8-bit RGB or grey picture.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(f"{name} claims to be larger than Pillow decodes safely: {error}") from error
    except UnidentifiedImageError as error:
        told = "its content is in no supported format, or in a variant that Pillow does not know"
        told += "" if found.is_read else f"; it holds {found}"
        raise Refused(f"{name} cannot be read as a picture ({told}). Remove or replace it.") from error
    except Exception as error:  # decoders fail in many ways on damaged files
        raise_shortage(error, f"decoding {name}")
        raise Refused(f"{name} cannot be read as a picture ({error}). Remove or replace it.") from error


def _scales(encoded: bytes, depth: Depth, formats: list[str]) -> bool:
    """Whether the picture can be read with depth "scale", which some formats and variants do not allow."""
    try:
        scaled(encoded, depth, formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise
    except Exception as error:  # decoders fail in many ways
        raise_shortage(error, "decoding a picture")
        return False
    return True


def _too_deep(depth: Depth, scales: bool) -> str:
    if depth.kind == "unsigned" and not scales:
        return f"has {depth}; 8 are read. Save it with 8."
    if depth.kind != "unsigned":
        return f"holds {depth}; 8 unsigned bits are read. Save it with 8 bits a channel."
    return (
        f'has {depth}; 8 are read. Set depth to "scale" (data.depth in a recipe) to map 0 to {depth.most:,} onto 0 to 255, '
        "or save it with 8."
    )


def _decoded(name: str, encoded: bytes, formats: list[str], depth: Depth) -> Image.Image:
    with Image.open(io.BytesIO(encoded), formats=formats) as image:
        whole = (0, 0, *image.size)
        partial = image.format == "GIF" and any(tile[1] != whole for tile in image.tile)
        image.load()
        count = 1 if image.format in ONE_OF_SEVERAL else getattr(image, "n_frames", 1)
        if image.format == "ICNS":
            count = len(image.info["sizes"])
        if image.format == "PSD":
            _require_merged(image, name)
        if image.format == "PNG" and image.mode in ("1", "L") and (key := transparent_colour(encoded)):
            # Pillow would stretch the pixels to 0–255
            image.info["transparency"] = int.from_bytes(key[:2]) * (255 // depth.most)
        upright = ImageOps.exif_transpose(image)
    if count > 1:
        raise Refused(f"{name} {_several(image.format, count)}. Save each as a separate picture.")
    if partial:
        raise Refused(f"{name} has transparent pixels around its frame. Save it over a background.")
    return upright


def _require_merged(image: Image.Image, name: str) -> None:
    """Without the option to maximise compatibility, Photoshop writes a blank picture before the layers, and marks it so."""
    versions = [content for number, _, content in getattr(image, "resources", []) if number == 1057]
    if any(len(content) > 4 and content[4] == 0 for content in versions):
        raise Refused(f"{name} holds layers, but no merged picture. Save it as a PNG.")


def _several(form: str | None, count: int) -> str:
    if form in ("TIFF", "DCX"):
        return f"holds {count} pages"
    return f"holds {count} pictures" if form == "ICNS" else f"is an animation of {count} frames"


def cropped(image: Image.Image, name: str, crop: Crop, size: Size | None = None) -> Image.Image:
    """size: the picture's size after resizing, whose proportions "centre" keeps. Raises Refused if the picture is
    smaller than the crop."""
    width, height = image.size
    if crop == "whole":
        return image
    if isinstance(crop, tuple):
        box = crop
    else:
        across, down = _largest(image.size, size or (1, 1)) if crop == "centre" else (int(crop), int(crop))
        left, top = (width - across) // 2, (height - down) // 2
        box = (left, top, left + across, top + down)
    if min(box) < 0 or box[2] > width or box[3] > height:
        raise Refused(f"{name} is {by(image.size)} pixels, too small for the crop {crop}.")
    return image.crop(box)


def _largest(size: Size, target: Size) -> Size:
    """The largest size of the target's proportions, in whole pixels, within `size`."""
    (width, height), (across, down) = size, target
    if width * down >= height * across:
        return max(1, round(height * across / down)), height
    return width, max(1, round(width * down / across))
