"""Descriptions of a public data set's official files: addresses, sizes and checksums."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

CHUNK = 2**20
SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Contents:
    """The uncompressed content of a gzipped file, which identifies a copy that was compressed again."""

    sha256: str
    size: int


@dataclass(frozen=True)
class File:
    """One official file.

    urls: its homes, best first; none if a person must fetch it. size: bytes, None if unpublished; most: then the largest
    accepted size. sha256 or md5: at least one, as published; the stronger is checked.
    """

    name: str
    urls: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    contents: Contents | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        if not (self.sha256 or self.md5):
            raise ValueError(f"{self.name} needs a checksum, sha256 or md5: without one a download cannot be verified.")
        if self.size is None and self.most is None:
            raise ValueError(f"{self.name} needs a size, or the most bytes to accept.")
        for url in self.urls:
            if urlsplit(url).scheme not in SCHEMES:
                raise ValueError(f"{self.name}: a home must be a {' or '.join(SCHEMES)} address; got {url}.")

    @property
    def limit(self) -> int:
        """Bytes beyond which a download is stopped: the size, and a margin for copies that were compressed again."""
        if self.size is None:
            return self.most or 0
        return self.size + max(4096, self.size // 100)

    @property
    def checksum(self) -> tuple[str, str]:
        """The algorithm and the expected digest, in hexadecimal."""
        return ("sha256", self.sha256) if self.sha256 else ("md5", self.md5 or "")


@dataclass(frozen=True)
class PublicSet:
    """A data set with a public home.

    name: as in `kelbo data list`. title: as messages name it. place: the folder below the data root, "." for the root
    itself. page: where a person finds the files. licence: its authors' terms of use.
    """

    name: str
    title: str
    files: tuple[File, ...]
    place: str
    page: str
    licence: str

    @property
    def fetchable(self) -> bool:
        """Whether every file has a home that needs no login."""
        return all(file.urls for file in self.files)


def fault(path: Path, file: File) -> str | None:
    """None if `path` holds the official file, or its content compressed again; else what is wrong with it."""
    algorithm, expected = file.checksum
    with path.open("rb") as stream:
        found, size = digest(stream, algorithm)
    if found == expected or (file.contents and _unpacks_to(path, file.contents)):
        return None
    if file.size is not None and size != file.size:
        return f"it holds {size:,} bytes instead of {file.size:,}"
    return f"its {algorithm} is {found} instead of {expected}"


def digest(stream: BinaryIO, algorithm: str, most: int | None = None) -> tuple[str, int]:
    """A stream's hexadecimal digest and its length in bytes; reading stops after more than `most`."""
    value, size = hashlib.new(algorithm, usedforsecurity=False), 0
    while (most is None or size <= most) and (chunk := stream.read(CHUNK)):
        value.update(chunk)
        size += len(chunk)
    return value.hexdigest(), size


def _unpacks_to(path: Path, contents: Contents) -> bool:
    try:
        with gzip.open(path) as stream:
            found, size = digest(stream, "sha256", most=contents.size)  # type: ignore[arg-type]  # GzipFile reads bytes
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    return (found, size) == (contents.sha256, contents.size)
