"""Pictures to encode, and PNG and TIFF files written byte by byte: 16-bit colour, floats, low bits, planes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 16

KINDS = {"unsigned": 1, "signed": 2, "float": 3}


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def packed(values: np.ndarray, bits: int) -> bytes:
    """Values (H, W, C) as rows of big-endian bits, each padded to whole bytes."""
    ones = (values.reshape(len(values), -1, 1).astype(np.int64) >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(ones.reshape(len(values), -1).astype(np.uint8), axis=1)


def png(values: np.ndarray, bits: int, colour: int, extra: bytes = b"", interlaced: bool = False) -> bytes:
    """Values (H, W, C) as a PNG. colour: PNG's type, 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    height, width = values.shape[:2]
    parts = [values]
    if interlaced:  # the seven passes of Adam7: first row, first column, step down, step across
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [values[top::down, left::across] for top, left, down, across in passes]
    rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in packed(part, bits))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(
    values: np.ndarray,
    photometric: int,
    *,
    bits: int | None = None,
    kind: str = "unsigned",
    order: str = "<",
    extra: tuple[int, ...] = (),
    deflate: bool = False,
    planar: bool = False,
    orientation: int = 1,
    colours: np.ndarray | None = None,
    big: bool = False,
) -> bytes:
    """Values (H, W, C) of a NumPy type as a TIFF of one strip (a strip a channel if planar), or a BigTIFF.

    bits: of a value, where these are not whole bytes. extra: kinds of the channels beyond the colours (0 unsaid, 1
    multiplied alpha, 2 alpha). colours: a palette (entries, 3) of 16-bit values.
    """
    height, width, channels = values.shape
    size = bits or 8 * values.dtype.itemsize
    strips = [values[..., c : c + 1] for c in range(channels)] if planar else [values]
    ordered = [np.ascontiguousarray(strip, strip.dtype.newbyteorder(order)) for strip in strips]
    data = [packed(strip, bits).tobytes() if bits else strip.tobytes() for strip in ordered]
    data = [zlib.compress(strip) for strip in data] if deflate else data
    body, places, start = b"", [], 16 if big else 8
    for strip in data:
        places.append(start + len(body))
        body += strip + b"\0" * (len(strip) % 2)
    tags = [(256, "H", [width]), (257, "H", [height]), (258, "H", [size] * channels), (259, "H", [8 if deflate else 1])]
    tags += [(262, "H", [photometric]), (273, "L", places), (274, "H", [orientation]), (277, "H", [channels])]
    tags += [(278, "H", [height]), (279, "L", [len(strip) for strip in data]), (284, "H", [2 if planar else 1])]
    tags += [(320, "H", [*colours.T.ravel()])] if colours is not None else []
    tags += [(338, "H", [*extra])] if extra else []
    tags += [(339, "H", [KINDS[kind]] * channels)]
    offset, room, fields = ("Q", 8, b"") if big else ("L", 4, b"")
    for tag, letter, items in tags:
        content = struct.pack(f"{order}{len(items)}{letter}", *items)
        if len(content) > room:
            place = start + len(body)
            body += content + b"\0" * (len(content) % 2)
            content = struct.pack(f"{order}{offset}", place)
        count = struct.pack(f"{order}HH{offset}", tag, {"H": 3, "L": 4}[letter], len(items))
        fields += count + content.ljust(room, b"\0")
    directory = struct.pack(f"{order}{'Q' if big else 'H'}", len(tags)) + fields + b"\0" * room
    magic, at = b"II" if order == "<" else b"MM", start + len(body)
    version = struct.pack(f"{order}HHHQ", 43, 8, 0, at) if big else struct.pack(f"{order}HL", 42, at)
    return magic + version + body + directory


Rgb = np.ndarray
"""Pixels (H, W, 3), uint8."""


class Odd(NamedTuple):
    """One encoded picture. expected: its pixels, or a word of the reason for refusing it; None where Pillow itself tells."""

    name: str
    encoded: bytes
    expected: Rgb | str | None = None


def made(seed: int = 0) -> Image.Image:
    """A smooth colour picture with some noise: no two are equal, and lossy formats still show it."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:SIDE, :SIDE]
    pixels = np.stack([14 * down, 12 * across, 255 - 10 * down], 2) + rng.integers(0, 20, (SIDE, SIDE, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def saved(image: Image.Image, form: str, **options: object) -> bytes | None:
    """As Pillow writes it; None where it does not."""
    stream = io.BytesIO()
    try:
        image.save(stream, form, **options)
    except (OSError, ValueError, KeyError, NotImplementedError, TypeError):
        return None
    return stream.getvalue()
