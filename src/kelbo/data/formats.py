"""Which formats of pictures are read: the still ones that Pillow decodes by itself."""

from __future__ import annotations

import os
from functools import cache

from PIL import Image

BY_CONTENT = tuple(
    ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "QOI", "DDS", "PSD", "ICNS", "XPM"]
)
"""formats identified by their first bytes, whatever the file's name"""
BY_NAME = tuple(["TGA", "ICO", "CUR", "DIB", "PCX", "DCX", "SGI", "SUN", "XBM", "MSP", "PIXAR", "BLP", "FTEX"])
"""formats with few or no such bytes: damaged files of other formats could pass for them, so the suffix must agree"""
EXAMPLES = ".png, .jpg, .tif, .webp, .gif, .bmp and the like"


@cache
def suffixes() -> dict[str, str]:
    """Suffixes of files, in lower case, with Pillow's names of their formats.

    Not read are EPS, PDF and WMF, which other programs render; formats that Pillow only identifies (HDF5, MPEG); and Photo CD
    and FITS, of which it reads a small version and values without their scale. AVIF, WebP and JPEG 2000 may be absent,
    depending on how Pillow was built.
    """
    known = {suffix: name for suffix, name in Image.registered_extensions().items() if name in (*BY_CONTENT, *BY_NAME)}
    return {suffix: name for suffix, name in known.items() if name in Image.OPEN} | {".mpo": "JPEG"}


def suffix_of(name: str) -> str:
    """The suffix of a file's name or path in lower case, as pathlib has it, which takes ten times as long; "" if none."""
    dot, start = name.rfind("."), name.rfind(os.sep) + 1
    if os.altsep:
        start = max(start, name.rfind(os.altsep) + 1)
    return name[dot:].lower() if start < dot < len(name) - 1 else ""


def is_picture(name: str) -> bool:
    """Whether a file's name has the suffix of a format that is read."""
    return suffix_of(name) in suffixes()


def formats_for(name: str) -> list[str]:
    """The formats that a picture of this name may have."""
    named = suffixes().get(suffix_of(name))
    content = [form for form in BY_CONTENT if form in Image.OPEN]
    return content if named is None or named in content else [named, *content]
