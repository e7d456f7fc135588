"""Decoded pictures kept on disk as one array, so that a big set is decoded once and then mapped, never read whole.

A set is two files, KEY.npy (uint8, (N, C, H, W)) and KEY.json (its record, whose time is that of the last use). Each is written
to a temporary file beside its place and moved there when it is complete, the array first. So a reader finds a complete set or
none. One process makes a set while others wait (`kelbo.data.cache_use`), and old sets make room for new ones
(`kelbo.data.cache_size`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import uuid
import weakref
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kelbo.data.cache_size import why_no_room
from kelbo.data.cache_use import guarded, making, mark_used
from kelbo.data.images import ArrayImages
from kelbo.data.mapped import mapped
from kelbo.errors import DataCorrupt, DataError
from kelbo.units import counted

LOG = logging.getLogger(__name__)

LAYOUT = 1
"""version of the two files; a set in another format is decoded again"""

ANEW = "Every command decodes them anew."
STAMPS = 4096
"""stamps hashed at a time"""

Record = dict[str, Any]


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
        images = _used(folder, key)
        whole = check == key_of(record) and record["bytes"] == (folder / f"{key}.npy").stat().st_size
        return (images, record) if whole and images.fingerprint() == record["fingerprint"] else None
    except (OSError, EOFError, ValueError, KeyError, TypeError):  # DataCorrupt and JSON's errors are ValueErrors
        return None


def _used(folder: Path, key: str) -> ArrayImages:
    """The images of a set, mapped and marked as used as long as they are. Raises as `mapped` does."""
    with guarded(folder) as may_mark:
        release = None
        if may_mark:
            with suppress(OSError):  # a full disk
                release = mark_used(folder, key)
        try:
            array = mapped(folder / f"{key}.npy")
        except BaseException:
            if release:
                release()
            raise
    if release:
        weakref.finalize(array.base, release)
        with suppress(OSError):  # of another user
            os.utime(folder / f"{key}.json")
    return ArrayImages(array)


def kept(
    folder: Path,
    key: str,
    shape: tuple[int, int, int],
    most: int,
    of: str,
    chunks: Callable[[float | None], Iterable[np.ndarray]],
    also: Callable[[], Record] = dict,
) -> tuple[ArrayImages, Record] | None:
    """The set of this key; if it is not there, one process makes it and others wait. None, which is told, if it cannot be kept.

    of: what the images are made from, for messages and the list of the cache. chunks: gives the images; called only if
    needed, with the time at which this process began to wait for another one, None if it did not. The others, and what is
    raised, are as of `store`.
    """
    if found := find(folder, key):
        return found
    subject = f"{counted(most, 'picture')} of {of}"
    with ExitStack() as alone:
        try:
            since = alone.enter_context(making(folder, key, f"{subject} are being decoded"))
        except OSError as error:
            LOG.warning(f"{subject} are not kept decoded: the cache {folder} cannot be written ({error}). {ANEW}")
            return None
        if found := find(folder, key):
            return found
        if why := why_no_room(folder, most * math.prod(shape), key):
            LOG.warning(f"{subject} are not kept decoded: {why}. {ANEW}")
            return None
        return store(folder, key, shape, most, chunks(since), lambda: {"of": of, **also()})


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
        with partial.open("wb") as stream:
            count = _written(stream, shape, most, chunks)
        if count == 0:
            raise DataCorrupt("None of the pictures could be read.")
        images = ArrayImages(mapped(partial))
        kept: Record = {
            **also(),
            "shape": [count, *shape],
            "bytes": partial.stat().st_size,
            "fingerprint": images.fingerprint(),
        }
        del images  # Windows cannot move a mapped file
        partial.replace(array)
        partial.write_text(json.dumps([kept, key_of(kept)]), encoding="utf-8")
        partial.replace(record)
        return _used(folder, key), kept
    except OSError as error:
        raise DataError(
            f"The cache of decoded pictures cannot be written to {folder} ({error}). Make room there, for example by "
            "`kelbo data cache clear`, or name another folder, or none, in the environment variable KELBO_CACHE."
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
