"""What is known of a public data set's official files: where they lie, how large they are, how they are told apart."""

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
    """What a gzipped file unpacks to, by which a copy that somebody packed anew is known."""

    sha256: str
    size: int


@dataclass(frozen=True)
class File:
    """One official file.

    urls: its homes, best first; none where a person must fetch it. size: bytes, None where nobody publishes them; most:
    then how many are accepted. sha256 or md5: at least one, as published; the stronger is checked.
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
            raise ValueError(f"{self.name} needs a checksum, sha256 or md5: without one nobody can say what arrived.")
        if self.size is None and self.most is None:
            raise ValueError(f"{self.name} needs a size, or the most bytes to accept.")
        for url in self.urls:
            if urlsplit(url).scheme not in SCHEMES:
                raise ValueError(f"{self.name}: a home must be a {' or '.join(SCHEMES)} address; got {url}.")

    @property
    def limit(self) -> int:
        """Bytes beyond which a download is stopped: the size, and a little for copies packed anew."""
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

    name: as in `kelbo data list`. title: as its readers' messages name it. place: the folder below the data root, "." for
    the root itself. page: where a person finds the files. licence: what its authors say of its use.
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
    """None where `path` holds the official file, or an official content packed anew; else what is wrong with it."""
    algorithm, expected = file.checksum
    with path.open("rb") as stream:
        found, size = digest(stream, algorithm)
    if found == expected or (file.contents and _unpacks_to(path, file.contents)):
        return None
    if file.size is not None and size != file.size:
        return f"it holds {size:,} bytes instead of {file.size:,}"
    return f"its {algorithm} is {found} instead of {expected}"


def digest(stream: BinaryIO, algorithm: str, most: int | None = None) -> tuple[str, int]:
    """A stream's hexadecimal digest and how many bytes it held; reading stops once more than `most` were seen."""
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
