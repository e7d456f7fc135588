"""One array of an `.npz`, read a few rows at a time or mapped in place: never completely in memory, never unpickled."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from kelbo.data.mapped import advised, npy_header
from kelbo.errors import DataCorrupt
from kelbo.shortage import raise_shortage

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes
ENCRYPTED = 0x1
LOCAL_HEADER, SIGNATURE = 30, b"PK\x03\x04"
"""length of a member's own header before its name, and its first bytes"""


@dataclass(frozen=True)
class Member:
    """The description of one array in an `.npz`. source: the file and key, for messages. header: bytes before the values."""

    path: Path
    source: str
    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype
    header: int

    @property
    def is_stored(self) -> bool:
        """Whether the values are stored uncompressed, so that they can be mapped."""
        return self.info.compress_type == zipfile.ZIP_STORED

    def rows(self, count: int) -> Iterator[np.ndarray]:
        """The array, `count` rows at a time, read-only. Raises DataCorrupt if it is damaged or cut off."""
        width = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.info) as stream:
                stream.read(self.header)
                for start in range(0, self.shape[0], count):
                    part = min(count, self.shape[0] - start)
                    values = stream.read(part * width)
                    yield np.frombuffer(values, self.dtype).reshape(part, *self.shape[1:])
                stream.read(1)  # at the end of the member, its checksum is verified
        except Exception as error:  # a damaged archive may fail in any way
            raise_shortage(error, f"reading {self.source}")
            raise DataCorrupt(f"{self.source} cannot be read: {error}. Fetch the official file again.") from error

    def mapped(self) -> np.ndarray:
        """The array of a stored member, read-only; its checksum is not verified.

        Raises DataCorrupt if the archive's directory does not point to the member.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.info.header_offset)
                own = stream.read(LOCAL_HEADER)
                # name and extra field may have other lengths here than in the directory
                begin = stream.tell() + int.from_bytes(own[26:28], "little") + int.from_bytes(own[28:30], "little")
                stream.seek(begin)
                if not own.startswith(SIGNATURE) or _header(stream) != (self.shape, self.dtype):
                    raise ValueError("the archive's directory does not point to it")
            return advised(np.memmap(self.path, self.dtype, "r", begin + self.header, self.shape))
        except Exception as error:  # as above
            raise_shortage(error, f"reading {self.source}")
            raise DataCorrupt(f"{self.source} cannot be mapped: {error}. Fetch the official file again.") from error


def member(path: Path, key: str, shape: tuple[int, ...], dtype: type[np.generic]) -> Member:
    """The array `key`, which must have this shape and type.

    Raises DataCorrupt, naming the file and what it holds instead, if it has not, or if the archive is damaged, encrypted or
    compressed in a way that NumPy does not use.
    """
    source = f"{path}[{key!r}]"
    try:
        with zipfile.ZipFile(path) as archive:
            if f"{key}.npy" not in archive.namelist():
                held = ", ".join(name.removesuffix(".npy") for name in archive.namelist()[:8])
                raise DataCorrupt(f"{path} holds no array {key!r}; its arrays: {held}. Fetch the official file.")
            info = archive.getinfo(f"{key}.npy")
            if info.flag_bits & ENCRYPTED or info.compress_type not in METHODS:
                raise DataCorrupt(f"{source} is encrypted, or compressed in a way that NumPy does not use.")
            with archive.open(info) as stream:
                found = _header(stream)
                header = stream.tell()
    except DataCorrupt:
        raise
    except Exception as error:  # a damaged archive may fail in any way
        raise_shortage(error, f"reading {source}")
        raise DataCorrupt(f"{source} cannot be read: {error}. Fetch the official file again.") from error
    if found != (shape, np.dtype(dtype)):
        raise DataCorrupt(
            f"{source} should be {np.dtype(dtype)} {shape}; found {found[1]} {found[0]}. Is it the official file?"
        )
    if info.file_size != header + math.prod(shape) * np.dtype(dtype).itemsize:
        raise DataCorrupt(f"{source} holds {info.file_size:,} bytes, which does not match its shape {shape}.")
    return Member(path, source, info, shape, np.dtype(dtype), header)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type from the start of a `.npy`; ValueError if it is damaged or in column order."""
    shape, by_columns, dtype = npy_header(stream)
    if by_columns:
        raise ValueError("its values are in column order")
    return shape, dtype
