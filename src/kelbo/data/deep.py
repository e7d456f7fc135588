"""Pictures of more than 8 bits a channel, their full range mapped onto 0–255: value · 255 / largest, to the nearest.

Pillow has no 16-bit colour: it keeps the upper byte of every value. Decoding a second time with the two bytes swapped gives
the lower byte.
"""

from __future__ import annotations

import io
import sys

import numpy as np
from PIL import Image, ImageFile, ImageOps

from kelbo.data.headers import PHOTOMETRIC, PLANAR, SAMPLES, Depth, tiff_tags, transparent_colour

SWAPPED = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
"""Pillow's names of a value's byte orders (big, little, native), and of the opposite ones"""


class NoScale(ValueError):
    """Why a picture's range cannot be mapped, as a predicate."""


def scaled(encoded: bytes, depth: Depth, formats: list[str]) -> Image.Image:
    """The picture, turned upright, as 8-bit L, LA, RGB, RGBA or CMYK. Raises NoScale, or what Pillow raises of damage."""
    if depth.kind != "unsigned":
        raise NoScale(f"holds {depth}, which have no full range that could be mapped onto 0 to 255")
    with Image.open(io.BytesIO(encoded), formats=formats) as image:
        form, mode, rawmode = image.format, image.mode, _rawmode(image)
    if form == "PPM" and mode == "RGB":
        return _decoded(encoded, formats)  # Pillow maps these by the same rule
    if form == "PPM" and mode == "I":  # Pillow maps it onto 0–65535; this is undone, to round only once
        values = np.rint(np.asarray(_decoded(encoded, formats)) * (depth.most / 65535))
    elif form == "JPEG2000" and mode == "I;16" and depth.bits == 16:
        values = np.asarray(_decoded(encoded, formats))
    elif form == "PNG":
        values = _with_transparency(_values(encoded, formats, rawmode), encoded)
    elif form == "TIFF" and mode != "P":
        values = _tiff(encoded, formats, rawmode, depth)
    else:
        raise NoScale(f"has {depth}, of which Pillow gives the upper 8 only in this format ({form})")
    levels = np.rint(values * (255 / depth.most)).astype(np.uint8)
    if mode != "CMYK" and values.shape[2:] in ((2,), (4,)):  # alpha: nearly opaque is not rounded to opaque
        levels[..., -1] = np.where(values[..., -1] < depth.most, 0, 255)
    bands = [Image.fromarray(np.ascontiguousarray(band)) for band in np.moveaxis(np.atleast_3d(levels), 2, 0)]
    return Image.merge("CMYK" if mode == "CMYK" else ("L", "LA", "RGB", "RGBA")[len(bands) - 1], bands)


def _rawmode(image: ImageFile.ImageFile) -> str:
    """The raw mode that Pillow's decoder is given for the values, such as "RGB;16B"."""
    args = image.tile[0].args if image.tile else ""
    return args[0] if isinstance(args, tuple) else str(args)


def _decoded(encoded: bytes, formats: list[str], rawmode: str | None = None) -> Image.Image:
    """The picture upright. rawmode: how its values are stored, if not as Pillow would choose."""
    with Image.open(io.BytesIO(encoded), formats=formats) as image:
        if rawmode:
            image.tile = [
                tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)
                for tile in image.tile
            ]
        image.load()
        return ImageOps.exif_transpose(image)


def _values(encoded: bytes, formats: list[str], rawmode: str) -> np.ndarray:
    """Values of 16 bits, (H, W) or (H, W, channels)."""
    kind, _, order = rawmode.partition(";")
    if kind == "I":
        return np.asarray(_decoded(encoded, formats))
    if kind == "LA":  # Pillow knows only one byte order: the four bytes of a pixel are read as four channels
        both = np.asarray(_decoded(encoded, formats, "RGBA"))
        return both[..., 0::2] * 256.0 + both[..., 1::2]
    kind = kind.replace("a", "A")  # opaque pixels are equal whether alpha was premultiplied or not
    upper, lower = (np.asarray(_decoded(encoded, formats, f"{kind};{way}")) for way in (order, SWAPPED[order]))
    return upper * 256.0 + lower


def _with_transparency(values: np.ndarray, encoded: bytes) -> np.ndarray:
    """Add an alpha channel if a PNG declares one colour transparent."""
    key = transparent_colour(encoded)
    if key is None or values.shape[2:] in ((2,), (4,)):
        return values
    each = np.atleast_3d(values)
    opaque = (each != np.frombuffer(key, ">u2")).any(2, keepdims=True)
    return np.concatenate([each, 65535.0 * opaque], 2)


def _tiff(encoded: bytes, formats: list[str], rawmode: str, depth: Depth) -> np.ndarray:
    tags = tiff_tags(encoded)
    if tags.get(PLANAR) == 2 and tags.get(SAMPLES, 1) > 1:
        raise NoScale(f"has {depth}, each channel apart from the others (PlanarConfiguration 2), which Pillow misreads")
    values = _values(encoded, formats, rawmode)
    if values.dtype == np.int32:
        values = values.view(np.uint32)
    return depth.most - values.astype(np.float64) if tags.get(PHOTOMETRIC) == 0 else values
