"""What an encoded picture's header says and Pillow does not: the depth of its channels, and what reading would lose.

Pillow opens most pictures of more than 8 bits a channel as 8-bit ones, without a warning.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from PIL.TiffImagePlugin import ImageFileDirectory_v2

Kind = Literal["unsigned", "signed", "float"]
PNG, JP2_CODESTREAM = b"\x89PNG\r\n\x1a\n", b"\xff\x4f\xff\x51"
BITS, PHOTOMETRIC, SAMPLES, PLANAR, COLOURS, EXTRA, SAMPLE_FORMAT = 258, 262, 277, 284, 320, 338, 339
"""tags of TIFF"""


class Lost(ValueError):
    """What a picture holds, as a predicate ("holds 3 pictures"), that reading it as one RGB or grey picture would lose."""


@dataclass(frozen=True)
class Depth:
    """The values of one channel. most: the largest one that unsigned values can have."""

    bits: int
    kind: Kind = "unsigned"
    most: int = 255

    @property
    def is_read(self) -> bool:
        return self.bits <= 8 and self.kind == "unsigned"

    def __str__(self) -> str:
        return f"{self.bits} bits a channel" if self.kind == "unsigned" else f"{self.bits}-bit {self.kind} values"


EIGHT = Depth(8)


def depth_of(encoded: bytes) -> Depth:
    """The depth in a picture's header; 8 bits if its format has no more, or its header does not say.

    Raises Lost if more than depth would be lost, and other errors if the header is damaged.
    """
    for starts, read in READERS:
        if encoded.startswith(starts):
            return read(encoded)
    if encoded[4:8] == b"ftyp":
        return _avif(encoded)
    return EIGHT


def _unsigned(bits: int) -> Depth:
    return Depth(bits, most=2**bits - 1)


def png_chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and contents of a PNG's complete chunks."""
    place = len(PNG)
    while place + 12 <= len(encoded):
        length = int.from_bytes(encoded[place : place + 4])
        yield encoded[place + 4 : place + 8], encoded[place + 8 : place + 8 + length]
        place += 12 + length


def transparent_colour(encoded: bytes) -> bytes | None:
    """A PNG's tRNS chunk: the values of the colour, or the palette's alphas, that are transparent."""
    return next((content for kind, content in png_chunks(encoded) if kind == b"tRNS"), None)


def _png(encoded: bytes) -> Depth:
    return _unsigned(max((content[8] for kind, content in png_chunks(encoded) if kind == b"IHDR"), default=8))


def tiff_tags(encoded: bytes) -> ImageFileDirectory_v2:
    """The tags of a TIFF's first picture."""
    stream = io.BytesIO(encoded)
    tags = ImageFileDirectory_v2(stream.read(16 if encoded[2] == 43 else 8))  # 43 is BigTIFF's
    stream.seek(tags.next)
    tags.load(stream)
    return tags


def _tiff(encoded: bytes) -> Depth:
    tags = tiff_tags(encoded)
    unnamed = [kind for kind in tags.get(EXTRA, ()) if kind == 0]
    if unnamed:
        raise Lost(f"has {len(unnamed)} more channels than its colours need, which are neither colour nor transparency")
    bits, kinds = max(tags.get(BITS, (1,))), set(tags.get(SAMPLE_FORMAT, (1,)))
    if 3 in kinds or 2 in kinds:
        return Depth(bits, "float" if 3 in kinds else "signed")
    if tags.get(PHOTOMETRIC) == 3 and not _has_8_bits(tags.get(COLOURS, ())):
        return _unsigned(16)
    return _unsigned(bits)


def _has_8_bits(colours: tuple[int, ...]) -> bool:
    """Whether the upper 8 bits of a palette of 16-bit values contain all of its information."""
    return all(value & 255 == 0 for value in colours) or all(value & 255 == value >> 8 for value in colours)


def _jpeg(encoded: bytes) -> Depth:
    """If no frame is found, Pillow finds none either and raises an error."""
    place = 2
    while place + 5 <= len(encoded):
        if encoded[place] != 0xFF or encoded[place + 1] in (0x00, 0xFF):
            place += 1
            continue
        marker = encoded[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _unsigned(encoded[place + 4])
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        place += 2 if alone else 2 + int.from_bytes(encoded[place + 2 : place + 4])
    return EIGHT


def _ppm(encoded: bytes) -> Depth:
    kind, *words = re.sub(rb"#[^\r\n]*", b" ", encoded[: 2**16]).split(maxsplit=4)
    if kind == b"P4":
        _require_one_pnm(encoded, 2, lambda width, height: (width + 7) // 8 * height)
    if kind in (b"P1", b"P4"):
        return EIGHT
    if kind in (b"Pf", b"PF"):
        return Depth(32, "float")
    most = int(words[2])
    if channels := {b"P5": 1, b"P6": 3}.get(kind):
        _require_one_pnm(encoded, 3, lambda width, height: width * height * channels * (2 if most > 255 else 1))
    return Depth(most.bit_length(), most=most)


def _require_one_pnm(encoded: bytes, numbers: int, data: Callable[[int, int], int]) -> None:
    """Raises Lost if more pictures follow the first. numbers: of the header. data: bytes of width by height pixels."""
    header = re.match(rb"P\d" + rb"(?:\s|#[^\r\n]*[\r\n])+(\d+)" * numbers + rb"(?:#[^\r\n]*[\r\n])*\s", encoded)
    if header is None:
        return
    end = header.end() + data(int(header[1]), int(header[2]))
    if re.match(rb"\s*P[1-7]\s", encoded[end : end + 2**10]):
        raise Lost("holds several pictures, of which Pillow reads the first")


def _jpeg2000(encoded: bytes) -> Depth:
    start = encoded.find(JP2_CODESTREAM)
    if start < 0:
        return EIGHT
    fields = [encoded[start + 42 + 3 * i] for i in range(int.from_bytes(encoded[start + 40 : start + 42]))]
    if (palette := encoded.find(b"pclr", 0, start)) >= 0:
        count = encoded[palette + 6]
        fields += encoded[palette + 7 : palette + 7 + count]
    bits = max((field & 127) + 1 for field in fields)
    return Depth(bits, "signed") if any(field > 127 for field in fields) else _unsigned(bits)


def _avif(encoded: bytes) -> Depth:
    flags = [encoded[match.end() + 2] for match in re.finditer(b"av1C", encoded[: 2**16])]
    return _unsigned(max((8 + 2 * (flag >> 6 & 1) + 2 * (flag >> 5 & flag >> 6 & 1) for flag in flags), default=8))


def _dds(encoded: bytes) -> Depth:
    flags, fourcc, _, *masks = struct.unpack_from("<I4sI4I", encoded, 80)
    if fourcc == b"DX10" and struct.unpack_from("<I", encoded, 128)[0] in (94, 95, 96):
        return Depth(16, "float")
    if not flags & 0x40:  # compressed
        return EIGHT
    height, width = struct.unpack_from("<II", encoded, 12)
    bits = struct.unpack_from("<I", encoded, 88)[0]
    if len(encoded) < 128 + height * width * bits // 8:  # older versions of Pillow do not report this
        raise Lost("is cut off")
    return _unsigned(max(mask.bit_count() for mask in masks))


def _psd(encoded: bytes) -> Depth:
    bits, mode = struct.unpack_from(">HH", encoded, 22)
    if mode == 7:
        raise Lost("has several channels that are not colours (Photoshop's multichannel mode)")
    return Depth(32, "float") if bits == 32 else _unsigned(bits)


def _xpm(encoded: bytes) -> Depth:
    """Pillow reads any number of digits as those of three bytes."""
    digits = {len(colour) for colour in re.findall(rb"\sc\s+#([0-9A-Fa-f]+)", encoded)}
    if digits - {6}:
        raise Lost(f"writes colours in {max(digits)} hexadecimal digits, of which Pillow reads 6")
    return EIGHT


def _ico(encoded: bytes) -> Depth:
    count = int.from_bytes(encoded[4:6], "little")
    if count == 0:  # a TGA file begins like a cursor
        return EIGHT
    if count > 1:
        raise Lost(f"holds {count} pictures")
    size, place = struct.unpack_from("<II", encoded, 14)
    return depth_of(encoded[place : place + size])


def _icns(encoded: bytes) -> Depth:
    place, depths = 8, [EIGHT]
    while place + 8 <= len(encoded):
        length = max(8, int.from_bytes(encoded[place + 4 : place + 8]))
        depths.append(depth_of(encoded[place + 8 : place + length]))
        place += length
    return max(depths, key=lambda depth: depth.bits)


READERS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes], Depth]], ...] = (
    (PNG, _png),
    (b"\xff\xd8\xff", _jpeg),
    ((b"II*\x00", b"MM\x00*", b"II\x00*", b"MM*\x00", b"II\x2b\x00"), _tiff),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF", b"Py", b"P0CMYK"), _ppm),
    ((JP2_CODESTREAM, b"\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a"), _jpeg2000),
    (b"\x01\xda", lambda encoded: _unsigned(8 * encoded[3])),
    (b"DDS ", _dds),
    (b"8BPS", _psd),
    ((b"\x00\x00\x01\x00", b"\x00\x00\x02\x00"), _ico),
    (b"icns", _icns),
    (b"/* XPM */", _xpm),
)
"""a format's first bytes, and the function that reads its header"""
