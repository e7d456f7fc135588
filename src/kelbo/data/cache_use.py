"""Who makes and who uses what a cache keeps: each set is made by one process, and none is removed that a process has mapped.

Both are locks, files in the cache's folder `locks`, so they end with their process, however that ends.
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kelbo.errors import Locked
from kelbo.locks import UNTIL_FREE, held, holder_of

LOG = logging.getLogger(__name__)
LOCKS = "locks"
_USED: dict[Path, ExitStack] = {}
"""the locks of the sets that this process uses; they are never let go of by a process that was forked from it"""


@contextmanager
def making(cache: Path, key: str, doing: str) -> Iterator[float | None]:
    """Inside the block no other process makes what is kept under this key.

    A wait for another process is told, in the words of `doing` ("5,000 pictures of photos are being decoded"). Gives the time
    (seconds since the epoch) at which this process began to wait, None if it did not. OSError if the cache cannot be written.
    """
    lock, since = _locks(cache) / f"{key}.lock", None
    with ExitStack() as holding:
        try:
            holding.enter_context(held(lock, doing, patience=0))
        except Locked:
            since = time.time()
            LOG.warning(f"{doing} by {holder_of(lock) or 'another process'}; waiting until it has finished")
            holding.enter_context(held(lock, doing, patience=UNTIL_FREE))
        yield since


@contextmanager
def guarded(cache: Path) -> Iterator[bool]:
    """Inside the block no other process begins to use or removes anything of a cache. False if the cache cannot be written."""
    with ExitStack() as holding:
        try:
            holding.enter_context(held(_locks(cache) / "all.lock", f"{cache} is being changed", patience=UNTIL_FREE))
        except OSError:
            yield False
            return
        yield True


def tell_failure(cache: Path, key: str, why: Any) -> None:
    """Tell processes that wait why nothing was made, as a JSON value. Call it inside `making`."""
    with suppress(OSError):  # then they try themselves
        _failure(cache, key).write_text(json.dumps(why), encoding="utf-8")


def failure(cache: Path, key: str, since: float | None) -> Any:
    """Why the process that this one waited for made nothing; None if it did not wait, or was not told.

    Later commands try again, since what is on disk may have become readable.
    """
    file = _failure(cache, key)
    with suppress(OSError, ValueError):
        if since is not None and file.stat().st_mtime >= since:
            return json.loads(file.read_text(encoding="utf-8"))
        file.unlink()
    return None


def _failure(cache: Path, key: str) -> Path:
    return cache / LOCKS / f"{key}.failed.json"


def mark_used(cache: Path, key: str) -> Callable[[], None]:
    """Mark a set as used by this process, until it ends or the returned function is called. Call it inside `guarded`."""
    path, owner = _locks(cache) / f"{key}.{uuid.uuid4().hex}.used", os.getpid()
    with ExitStack() as holding:
        holding.enter_context(held(path, f"{key} is used", patience=0))
        _USED[path] = holding.pop_all()

    def release() -> None:
        if os.getpid() == owner and path in _USED:
            _USED.pop(path).close()
            path.unlink(missing_ok=True)

    return release


def is_used(cache: Path, key: str) -> bool:
    """Whether any process uses a set. Marks of processes that were killed are removed. Call it inside `guarded`."""
    marks = [*(cache / LOCKS).glob(f"{key}.*.used")]
    living = [mark for mark in marks if is_held(mark)]
    for mark in {*marks} - {*living}:
        mark.unlink(missing_ok=True)
    return bool(living)


def is_being_made(cache: Path, key: str) -> bool:
    return is_held(cache / LOCKS / f"{key}.lock")


def is_held(lock: Path) -> bool:
    """Whether a process, this one or another, holds a lock, or may: a file system without locks does not tell."""
    if not lock.exists():
        return False
    one = FileLock(lock, thread_local=False, fallback_to_soft=False)
    try:
        one.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    one.release()
    return False


def _locks(cache: Path) -> Path:
    folder = cache / LOCKS
    folder.mkdir(parents=True, exist_ok=True)
    return folder
