"""Arrays of numbers in MATLAB files of version 5 to 7 (The MathWorks, "MAT-File Format", 2020), from untrusted sources.

They are not read by SciPy, whose compiled reader crashed the whole process on files with a few altered bytes.
A file is a header of 128 bytes and then elements: a tag (type, length) and data. An element is a variable, or a zlib
stream of one; a variable is again elements: its class, its dimensions, its name and its values in column order.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kelbo.errors import DataCorrupt

MATRIX, COMPRESSED = 14, 15
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
OTHERS = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse"}
NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
COMPLEX = 0x0800
DEFLATE = 1032
"""The largest number of bytes that one byte of a zlib stream can expand to."""
MOST_HEADER = 4096
CHUNK = 2**20

Shape = tuple[int | None, ...]


class _Damaged(Exception):
    """What is wrong in a file; the final message adds its name."""


def read_mat(path: Path, wanted: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """Some variables of a `.mat` file; values of the others are not read.

    wanted: each variable's shape, None if an axis may have any length. Raises DataCorrupt, naming the file, if it
    is damaged, has another version (7.3 is HDF5), lacks a variable, or holds another shape or something else than
    real numbers.
    """
    listed: list[str] = []
    values: dict[str, np.ndarray] = {}
    try:
        with path.open("rb") as stream:
            order = _byte_order(path, stream.read(128))
            for part in _parts(stream, order, path.stat().st_size):
                variable = _head(part, order)
                listed.append(variable.name)
                if variable.name in wanted:
                    _check(path, variable, wanted[variable.name])
                    values[variable.name] = _values(part, order, variable)
    except (_Damaged, EOFError, struct.error, zlib.error) as error:
        raise DataCorrupt(
            f"{path} cannot be read as a MATLAB file ({error}): it is cut off or damaged; fetch it again."
        ) from error
    for name in wanted:
        if name not in values:
            found = ", ".join(map(repr, listed)) or "nothing"
            raise DataCorrupt(f"{path} should hold {name!r}; found {found}. It is another file, or cut off.")
    return values


class _Part:
    """One variable's bytes, plain or inflated; never more than requested are inflated."""

    def __init__(self, stream: BinaryIO, length: int, inflated: bool) -> None:
        self.stream, self.left = stream, length
        self.zlib = zlib.decompressobj() if inflated else None
        self.most = DEFLATE * length if inflated else length

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes. Raises EOFError if there are fewer."""
        got = bytearray()
        while len(got) < count:
            chunk = self._some(min(count - len(got), CHUNK))
            if not chunk:
                raise EOFError(f"it ends after {len(got)} of {count} bytes")
            got += chunk
        return bytes(got)

    def finish(self) -> None:
        """Read to the end of the stream, where zlib verifies its checksum. Only padding may follow."""
        if self.zlib and len(self._some(8)) == 8 and self._some(1):
            raise _Damaged("more follows a variable's values")
        if self.zlib and not self.zlib.eof:
            raise EOFError("a compressed variable has no end")

    def _some(self, count: int) -> bytes:
        if not self.zlib:
            return self._raw(count)
        while not self.zlib.eof:
            packed = self.zlib.unconsumed_tail or self._raw(CHUNK)
            chunk = self.zlib.decompress(packed, count)
            if chunk or not packed:
                return chunk
        return b""

    def _raw(self, count: int) -> bytes:
        chunk = self.stream.read(min(count, self.left))
        self.left -= len(chunk)
        return chunk


@dataclass(frozen=True)
class _Variable:
    name: str
    kind: int
    is_complex: bool
    shape: tuple[int, ...]

    @property
    def described(self) -> str:
        kind = (
            np.dtype(NUMBERS[self.kind]).name if self.kind in NUMBERS else OTHERS.get(self.kind, f"class {self.kind}")
        )
        return f"{'×'.join(map(str, self.shape))} of type {'complex ' if self.is_complex else ''}{kind}"


def _byte_order(path: Path, header: bytes) -> str:
    if header.startswith((b"MATLAB 7.3 MAT-file", b"\x89HDF\r\n\x1a\n")):
        raise DataCorrupt(f"{path} is a MATLAB file of version 7.3, which is not read. Save it with `save -v7`.")
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(header[124:128])
    if order is None:
        raise _Damaged("it does not begin as one of version 5 to 7 does")
    return order


def _parts(stream: BinaryIO, order: str, size: int) -> Iterator[_Part]:
    """The variables, one after the other."""
    while tag := stream.read(8):
        kind, length = struct.unpack(f"{order}II", tag)
        end = stream.tell() + length
        if end > size:
            raise EOFError(f"it should have {end} bytes, and has {size}")
        part = _Part(stream, length, inflated=kind == COMPRESSED)
        if kind == COMPRESSED:
            kind = struct.unpack(f"{order}II", part.read(8))[0]
        if kind != MATRIX:
            raise _Damaged(f"it holds an element of type {kind}")
        yield part
        stream.seek(end)


def _tag(part: _Part, order: str) -> tuple[int, int, bytes | None]:
    """Type and length of the next element, and its data if they are within the tag."""
    (word,) = struct.unpack(f"{order}I", part.read(4))
    if word >> 16 == 0:
        return word, struct.unpack(f"{order}I", part.read(4))[0], None
    if word >> 16 > 4:
        raise _Damaged(f"it holds a small element of {word >> 16} bytes")
    return word & 0xFFFF, word >> 16, part.read(4)[: word >> 16]


def _small(part: _Part, order: str) -> bytes:
    """The data of an element that describes a variable."""
    _, length, data = _tag(part, order)
    if data is not None:
        return data
    if length > MOST_HEADER:
        raise _Damaged(f"the description of a variable takes {length} bytes")
    return part.read(length + -length % 8)[:length]


def _head(part: _Part, order: str) -> _Variable:
    flags = struct.unpack(f"{order}II", _small(part, order))[0]
    dimensions, name = _small(part, order), _small(part, order)
    shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions)
    if min(shape, default=0) < 0:
        raise _Damaged(f"a variable has the shape {shape}")
    return _Variable(name.decode("latin1"), flags & 0xFF, bool(flags & COMPLEX), shape)


def _check(path: Path, variable: _Variable, shape: Shape) -> None:
    """Check the description of a variable, before any value is read."""
    found = variable.shape
    fits = len(found) == len(shape) and all(want in (None, have) for have, want in zip(found, shape, strict=True))
    if not fits or variable.kind not in NUMBERS or variable.is_complex:
        expected = "×".join("N" if size is None else str(size) for size in shape)
        raise DataCorrupt(f"{path}: {variable.name!r} should be {expected} numbers; found {variable.described}.")


def _values(part: _Part, order: str, variable: _Variable) -> np.ndarray:
    """Values may be stored in a narrower type than the variable's own."""
    kind, length, data = _tag(part, order)
    if kind not in STORED:
        raise _Damaged(f"{variable.name!r} is stored as type {kind}")
    stored = np.dtype(f"{order}{STORED[kind]}")
    count = math.prod(variable.shape)
    if length != count * stored.itemsize:
        raise _Damaged(f"{variable.name!r} claims {'×'.join(map(str, variable.shape))} values and has {length} bytes")
    if length > part.most:
        raise _Damaged(f"{variable.name!r} claims {length} bytes, more than the file can hold")
    data = part.read(length) if data is None else data
    part.finish()
    return np.frombuffer(data, stored).astype(NUMBERS[variable.kind], copy=False).reshape(variable.shape, order="F")
