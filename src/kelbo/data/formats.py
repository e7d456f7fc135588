"""Which formats of pictures are read: the still ones that Pillow decodes by itself."""

from __future__ import annotations

from functools import cache
from pathlib import PurePath

from PIL import Image

BY_CONTENT = (
    "PNG",
    "JPEG",
    "WEBP",
    "GIF",
    "BMP",
    "TIFF",
    "PPM",
    "JPEG2000",
    "AVIF",
    "QOI",
    "DDS",
    "PSD",
    "ICNS",
    "XPM",
)
"""formats that their first bytes tell, whatever a file's name says"""
BY_NAME = (
    "TGA",
    "ICO",
    "CUR",
    "DIB",
    "PCX",
    "DCX",
    "SGI",
    "SUN",
    "XBM",
    "MSP",
    "PIXAR",
    "BLP",
    "FTEX",
)
"""formats with few or no such bytes: damaged files of other formats would pass for them, so the suffix must say so"""
EXAMPLES = ".png, .jpg, .tif, .webp, .gif, .bmp and the like"


@cache
def suffixes() -> dict[str, str]:
    """Suffixes of files, in lower case, with their formats in Pillow's words.

    Not read are EPS, PDF and WMF, which other programs draw; what Pillow only names (HDF5, MPEG); and Photo CD and FITS, of
    which it reads a small version and values without their scale. Which formats there
    are depends on how Pillow was built: AVIF, WebP and JPEG 2000 may be absent.
    """
    known = {suffix: name for suffix, name in Image.registered_extensions().items() if name in (*BY_CONTENT, *BY_NAME)}
    return {suffix: name for suffix, name in known.items() if name in Image.OPEN} | {".mpo": "JPEG"}


def is_picture(name: str) -> bool:
    """Whether the suffix of a file's name is one of a format that is read."""
    return PurePath(name).suffix.lower() in suffixes()


def formats_for(name: str) -> list[str]:
    """The formats that a picture of this name may have."""
    named = suffixes().get(PurePath(name).suffix.lower())
    content = [form for form in BY_CONTENT if form in Image.OPEN]
    return content if named is None or named in content else [named, *content]
