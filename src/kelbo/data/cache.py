"""Decoded pictures kept on disk as one array, so that a big set is decoded once and then mapped, never read whole.

A set is two files, KEY.npy (uint8, (N, C, H, W)) and KEY.json (its record). Each is written to a temporary file beside its
place and moved there when it is complete, the array first. So a reader finds a complete set or none, and two processes
that write one at the same time both succeed: their contents are equal.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kelbo.data.images import ArrayImages
from kelbo.data.mapped import mapped
from kelbo.errors import DataCorrupt, DataError

LAYOUT = 1
"""version of the two files; a set in another format is decoded again"""
STALE = 24 * 3600
"""seconds after which a partial file is assumed to belong to a killed process"""

STAMPS = 4096
"""stamps hashed at a time"""

Record = dict[str, Any]


def cache_root() -> Path | None:
    """The environment variable KELBO_CACHE if set ("none": no cache), else kelbo's folder in the system's caches.

    None too if the user has no home folder, and so no place for caches.
    """
    if named := os.environ.get("KELBO_CACHE"):
        return None if named == "none" else Path(named)
    if sys.platform == "win32":
        return _caches("LOCALAPPDATA", "AppData/Local", "kelbo/cache")
    if sys.platform == "darwin":
        return _caches("", "Library/Caches", "kelbo")
    return _caches("XDG_CACHE_HOME", ".cache", "kelbo")


def _caches(variable: str, below_home: str, own: str) -> Path | None:
    """Our folder in the one that an environment variable names, or else in one below the user's home, if there is one."""
    if named := os.environ.get(variable):
        return Path(named) / own
    try:
        return Path.home() / below_home / own
    except RuntimeError:  # a container's user without HOME and without an entry in the list of users
        return None


def key_of(*parts: object) -> str:
    """A key of everything that a set's pixels depend on: 32 hex digits of SHA-256. Parts must be JSON values."""
    return hashlib.sha256(json.dumps([LAYOUT, *parts]).encode()).hexdigest()[:32]


def key_of_many(stamps: Iterable[object], *parts: object) -> str:
    """`key_of([*stamps], *parts)` without a list of them all, or of their text."""
    digest, stamps = hashlib.sha256(f"[{LAYOUT}, [".encode()), iter(stamps)
    comma = b""
    while some := [*islice(stamps, STAMPS)]:
        digest.update(comma + json.dumps(some)[1:-1].encode())
        comma = b", "
    digest.update(json.dumps([[], *parts])[2:].encode())
    return digest.hexdigest()[:32]


def find(folder: Path, key: str) -> tuple[ArrayImages, Record] | None:
    """The set of this key, mapped, and its record; None if it is absent, incomplete or altered.

    A different length or record is always detected; altered values only in the images that the fingerprint covers (up to
    4,096, evenly spaced).
    """
    try:
        record, check = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        images = ArrayImages(mapped(folder / f"{key}.npy"))
        whole = check == key_of(record) and record["bytes"] == (folder / f"{key}.npy").stat().st_size
        return (images, record) if whole and images.fingerprint() == record["fingerprint"] else None
    except (OSError, EOFError, ValueError, KeyError, TypeError):  # DataCorrupt and JSON's errors are ValueErrors
        return None


def store(
    folder: Path,
    key: str,
    shape: tuple[int, int, int],
    most: int,
    chunks: Iterable[np.ndarray],
    also: Callable[[], Record],
) -> tuple[ArrayImages, Record]:
    """Write the chunks, uint8 (n, *shape) and `most` images or fewer, and return the set as `find` would.

    also: called after the last chunk for further entries of the record. Raises DataError if the folder cannot be written or
    the disk is full (no partial file is left), DataCorrupt if there were no images.
    """
    array, record = folder / f"{key}.npy", folder / f"{key}.json"
    partial = folder / f"{key}.{uuid.uuid4().hex}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with partial.open("wb") as stream:
            count = _written(stream, shape, most, chunks)
        if count == 0:
            raise DataCorrupt("None of the pictures could be read.")
        images = ArrayImages(mapped(partial))
        kept: Record = {**also(), "bytes": partial.stat().st_size, "fingerprint": images.fingerprint()}
        del images  # Windows cannot move a mapped file
        partial.replace(array)
        partial.write_text(json.dumps([kept, key_of(kept)]), encoding="utf-8")
        partial.replace(record)
        return ArrayImages(mapped(array)), kept
    except OSError as error:
        raise DataError(
            f"The cache of decoded pictures cannot be written to {folder} ({error}). Make room there, or name another "
            "folder, or none, in the environment variable KELBO_CACHE."
        ) from error
    finally:
        with suppress(OSError):  # it was moved to its place, or never created
            partial.unlink()


def _written(stream: BinaryIO, shape: tuple[int, int, int], most: int, chunks: Iterable[np.ndarray]) -> int:
    """By plain writes: with a memory map, a full disk would kill the process instead of raising OSError."""
    _header(stream, (most, *shape))
    begin, count = stream.tell(), 0
    for chunk in chunks:
        stream.write(np.ascontiguousarray(chunk).data)
        count += len(chunk)
    stream.seek(0)
    _header(stream, (count, *shape))  # of the same length as before: NumPy leaves room for the first axis
    if stream.tell() != begin:
        raise DataError("NumPy wrote a header of another length than before; the cache was not written.")
    stream.flush()
    os.fsync(stream.fileno())
    return count


def _header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _sweep(folder: Path) -> None:
    for left in folder.glob("*.partial"):
        try:
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()
        except OSError:
            continue  # another process removed it first, or owns it
