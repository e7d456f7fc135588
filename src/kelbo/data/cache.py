"""Decoded pictures kept on disk as one array, so that a big set is decoded once and then mapped, never read whole.

A set lies in two files, KEY.npy (uint8, (N, C, H, W)) and KEY.json (what belongs to it), each written beside its place
and moved there when it is whole, the array first. So a reader finds a whole set or none, and two processes that make one
at the same time both succeed: what they write is equal.
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
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kelbo.data.images import ArrayImages
from kelbo.data.mapped import mapped
from kelbo.errors import DataCorrupt, DataError

LAYOUT = 1
"""of the two files; a set kept in another one is made anew"""
STALE = 24 * 3600
"""seconds after which a partial file is taken to be a killed process's"""

Record = dict[str, Any]


def cache_root() -> Path | None:
    """The environment variable KELBO_CACHE where set ("none": no cache), else kelbo's folder in the system's caches."""
    if named := os.environ.get("KELBO_CACHE"):
        return None if named == "none" else Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "kelbo" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/kelbo"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kelbo"


def key_of(*parts: object) -> str:
    """Names a set by all that its pixels depend on: 32 hex digits of SHA-256. Parts must be values of JSON."""
    return hashlib.sha256(json.dumps([LAYOUT, *parts]).encode()).hexdigest()[:32]


def find(folder: Path, key: str) -> tuple[ArrayImages, Record] | None:
    """The set of this key, mapped, and its record; None where it is not there, not whole, or not what was written.

    A length or a record that differs is always noticed; altered values are where they fall on the (up to 4,096, evenly spaced)
    images of the fingerprint.
    """
    try:
        record, check = json.loads((folder / f"{key}.json").read_text())
        images = ArrayImages(mapped(folder / f"{key}.npy"))
        whole = check == key_of(record) and record["bytes"] == (folder / f"{key}.npy").stat().st_size
        return (images, record) if whole and images.fingerprint() == record["fingerprint"] else None
    except (OSError, EOFError, ValueError, KeyError, TypeError):  # DataCorrupt and JSON's faults are ValueErrors
        return None


def store(
    folder: Path,
    key: str,
    shape: tuple[int, int, int],
    most: int,
    chunks: Iterable[np.ndarray],
    also: Callable[[], Record],
) -> tuple[ArrayImages, Record]:
    """Write the chunks, uint8 (n, *shape) and `most` images or fewer, and give the set back as `find` would.

    also: asked after the last chunk for what else the record shall hold. Raises DataError where the folder cannot be
    written or the disk is full (nothing half is left), DataCorrupt where no image came.
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
        del images  # or Windows could not move the file
        partial.replace(array)
        partial.write_text(json.dumps([kept, key_of(kept)]))
        partial.replace(record)
        return ArrayImages(mapped(array)), kept
    except OSError as error:
        raise DataError(
            f"The cache of decoded pictures cannot be written to {folder} ({error}). Make room there, or name another "
            "folder, or none, by the environment variable KELBO_CACHE."
        ) from error
    finally:
        with suppress(OSError):  # it was moved to its place, or never made
            partial.unlink()


def _written(stream: BinaryIO, shape: tuple[int, int, int], most: int, chunks: Iterable[np.ndarray]) -> int:
    """By plain writes: through a map, a full disk would kill the process instead of raising OSError."""
    _header(stream, (most, *shape))
    begin, count = stream.tell(), 0
    for chunk in chunks:
        stream.write(np.ascontiguousarray(chunk).data)
        count += len(chunk)
    stream.seek(0)
    _header(stream, (count, *shape))  # as long as before: NumPy leaves room for the first axis
    if stream.tell() != begin:
        raise DataError("NumPy wrote a header of another length than before; the cache was not made.")
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
            continue  # another process was faster, or owns it
