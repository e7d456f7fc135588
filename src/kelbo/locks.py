"""Locks between processes: what one of them writes, no other one writes at the same time.

The system keeps a lock (by the library filelock), so it ends with the process that holds it, however that ends. The lock's
file stays, since removing it would let a third process lock another file of that name. It tells who holds the lock, from its
second byte on: Windows lets no other process read the first.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from kelbo.errors import Locked, Remedy

PATIENCE = 2.0
"""seconds in which a process that was killed a moment ago ends, so that its lock is not taken for that of a living one"""
UNTIL_FREE = -1.0
"""a patience without end"""
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
"""how a file system says that it keeps no locks"""

LOG = logging.getLogger(__name__)


class Holder(NamedTuple):
    """Who holds a lock: the process's number, its machine's name, and since when (UTC, to the second)."""

    process: int
    machine: str
    since: datetime

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


@contextmanager
def held(path: Path, doing: str, *, patience: float | None = None, remedy: tuple[Remedy, ...] = ()) -> Iterator[None]:
    """Inside the block this thread alone holds the lock of the file `path`, which is made in an existing folder.

    doing: what the holder does, for messages: "runs/a is being trained". patience: seconds to wait for another holder, by
    default PATIENCE. Raises Locked with the other holder, and OSError if the file cannot be written. A file system without
    locks is told of in a logged warning, and the block is entered.
    """
    lock = _acquired(path, doing, patience, remedy)
    if not lock.is_locked:
        yield
        return
    me = Holder(os.getpid(), platform.node(), datetime.now(UTC).replace(microsecond=0))
    try:
        _write(path, me)
        yield
    finally:
        if holder_of(path) == me:  # else the file was replaced
            _write(path, None)
        lock.release()


def require_unlocked(path: Path, doing: str, *, remedy: tuple[Remedy, ...] = ()) -> None:
    """Locked if another process holds the lock of a file. Nothing is written: a file that is not there is not made."""
    if path.exists():
        with suppress(OSError):  # what cannot be written is not being written
            _acquired(path, doing, None, remedy).release()


def _acquired(path: Path, doing: str, patience: float | None, remedy: tuple[Remedy, ...]) -> FileLock:
    """The lock, held unless the file system has no locks. Raises as `held` does."""
    lock = FileLock(
        path, thread_local=False, fallback_to_soft=False
    )  # a soft lock would outlive a process that is killed
    try:
        lock.acquire(timeout=PATIENCE if patience is None else patience)
    except Timeout:
        who = holder_of(path) or "another process"
        raise Locked(f"{doing} by {who}. Wait until it ends, or stop it first.", remedy=remedy) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        LOG.warning(f"{path.parent} cannot be locked ({error.strerror}): see to it that no other process writes there.")
    return lock


def holder_of(path: Path) -> Holder | None:
    """Who holds a lock that is held, as its file tells; None if it does not."""
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(1)
            told = json.loads(file.read())
        return Holder(int(told["process"]), str(told["machine"]), datetime.fromisoformat(told["since"]).astimezone(UTC))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, holder: Holder | None) -> None:
    """Tell in a lock's file who holds it; nothing if nobody does. A full disk is no reason not to lock."""
    text = "" if holder is None else "\n" + json.dumps(holder._asdict() | {"since": holder.since.isoformat()}) + "\n"
    with suppress(OSError), path.open("r+b") as file:
        file.write(text.encode())
        file.truncate()
