"""One array of an `.npz`, read a few rows at a time or mapped where it lies in the archive: never whole, never unpickled."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from kelbo.data.mapped import advised
from kelbo.errors import DataCorrupt

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes
ENCRYPTED = 0x1
LOCAL_HEADER, SIGNATURE = 30, b"PK\x03\x04"
"""bytes of a member's own header before its name, and how they begin"""


@dataclass(frozen=True)
class Member:
    """What an `.npz` says of one array. source: the file and key, for messages. header: bytes before the values."""

    path: Path
    source: str
    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype
    header: int

    @property
    def is_stored(self) -> bool:
        """Whether the values lie in the archive as they are, so that they can be mapped."""
        return self.info.compress_type == zipfile.ZIP_STORED

    def rows(self, count: int) -> Iterator[np.ndarray]:
        """The array, `count` rows at a time, read-only. Raises DataCorrupt where it is damaged or cut off."""
        width = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.info) as stream:
                stream.read(self.header)
                for start in range(0, self.shape[0], count):
                    part = min(count, self.shape[0] - start)
                    values = stream.read(part * width)
                    yield np.frombuffer(values, self.dtype).reshape(part, *self.shape[1:])
                stream.read(1)  # at its end, the archive's checksum of all of it is compared
        except Exception as error:  # a damaged archive may fail in any way
            raise DataCorrupt(f"{self.source} cannot be read: {error}. Fetch the official file again.") from error

    def mapped(self) -> np.ndarray:
        """The array of a stored member, read-only; its values are not compared with the archive's checksum.

        Raises DataCorrupt where the archive's directory leads elsewhere than to the member.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.info.header_offset)
                own = stream.read(LOCAL_HEADER)
                # name and extra field have lengths of their own here, which may differ from the directory's
                begin = stream.tell() + int.from_bytes(own[26:28], "little") + int.from_bytes(own[28:30], "little")
                stream.seek(begin)
                if not own.startswith(SIGNATURE) or _header(stream) != (self.shape, self.dtype):
                    raise ValueError("the archive's directory does not lead to it")
            return advised(np.memmap(self.path, self.dtype, "r", begin + self.header, self.shape))
        except Exception as error:  # as above
            raise DataCorrupt(f"{self.source} cannot be mapped: {error}. Fetch the official file again.") from error


def member(path: Path, key: str, shape: tuple[int, ...], dtype: type[np.generic]) -> Member:
    """The array `key`, which must have this shape and type.

    Raises DataCorrupt, naming the file and what it holds instead, where it has not, or the archive is damaged, encrypted
    or packed as NumPy packs none.
    """
    source = f"{path}[{key!r}]"
    try:
        with zipfile.ZipFile(path) as archive:
            if f"{key}.npy" not in archive.namelist():
                held = ", ".join(name.removesuffix(".npy") for name in archive.namelist()[:8])
                raise DataCorrupt(f"{path} holds no array {key!r}; its arrays: {held}. Fetch the official file.")
            info = archive.getinfo(f"{key}.npy")
            if info.flag_bits & ENCRYPTED or info.compress_type not in METHODS:
                raise DataCorrupt(f"{source} is encrypted, or compressed otherwise than NumPy does it.")
            with archive.open(info) as stream:
                found = _header(stream)
                header = stream.tell()
    except DataCorrupt:
        raise
    except Exception as error:  # a damaged archive may fail in any way
        raise DataCorrupt(f"{source} cannot be read: {error}. Fetch the official file again.") from error
    if found != (shape, np.dtype(dtype)):
        raise DataCorrupt(
            f"{source} should be {np.dtype(dtype)} {shape}; found {found[1]} {found[0]}. Is it the official file?"
        )
    if info.file_size != header + math.prod(shape) * np.dtype(dtype).itemsize:
        raise DataCorrupt(f"{source} holds {info.file_size:,} bytes, which its shape {shape} does not fit.")
    return Member(path, source, info, shape, np.dtype(dtype), header)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type from the start of a `.npy`; ValueError where it is damaged or lies column by column."""
    first = np.lib.format.read_magic(stream) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(stream)
    if by_columns:
        raise ValueError("its values lie column by column")
    return shape, dtype
