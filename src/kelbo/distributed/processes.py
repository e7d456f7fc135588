"""Coordination of several processes in one training or evaluation: do some things once, and fail together.

At points where all processes meet anyway (a checkpoint, a row of scalars, the gathering of an evaluation), `once` and
`together` send an error from the failed process to all. Elsewhere the others may be waiting for the failed one inside a
collective operation, which Python cannot interrupt: `failing_together` puts the error into the key-value store that the
processes were started with, and a thread of each process polls that store. With one process all of this costs nothing.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

import torch.distributed as dist

from kelbo.distributed.fabric import Fabric
from kelbo.errors import KelboError, message

Result = TypeVar("Result")

FAILED, HEARD, FIRST_HEARD = "kelbo/failed", "kelbo/heard", "kelbo/first heard"
FIRST_LEAVES, SEEN_OFF = "kelbo/first leaves", "kelbo/seen off"
LOOK = 0.5
"""seconds between two polls of the store"""
GRACE = 2.0
"""seconds in which a process that received an error may still end by itself, since it may have met the same error"""
PATIENCE = 10.0
"""seconds after which a process no longer waits for another to receive an error or to end"""


def place(fabric: Fabric | None) -> tuple[int, int]:
    """This process's rank and the number of processes: (0, 1) without Fabric."""
    return (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)


def part_at_exit(fabric: Fabric) -> None:
    """Destroy the process group before the interpreter ends; call it once after the launch.

    Otherwise a thread of a gloo group may still hold the last operation's tensors then; it would need the interpreter while it
    is ending, which crashes the process after all its work is done.
    """
    if fabric.world_size > 1:
        atexit.register(_part)


def _part() -> None:
    if dist.is_initialized():
        gc.collect()  # a reference cycle through a trained model would keep the group alive
        with suppress(dist.DistError, RuntimeError):  # the others have ended, and the group with them
            dist.destroy_process_group()


def once(fabric: Fabric | None, action: Callable[[], object]) -> None:
    """Do something in the first process only; if it fails, every process raises the same error."""
    if fabric is None or fabric.world_size == 1:
        action()
        return
    error = _error_of(action)[1] if fabric.is_global_zero else None
    error = fabric.broadcast(error)
    if error is not None:
        raise error


def from_first(fabric: Fabric | None, action: Callable[[], Result]) -> Result:
    """Do something in the first process and return its result in every process; if it fails, every process raises its error."""
    if fabric is None or fabric.world_size == 1:
        return action()
    told = _error_of(action) if fabric.is_global_zero else None
    result, error = cast(tuple[Result, Exception | None], fabric.broadcast(told))
    if error is not None:
        raise error
    return result


def together(fabric: Fabric | None, action: Callable[[], Result]) -> list[Result]:
    """Do something in every process and return all results, by rank, in every process.

    If it fails in some, every process raises the error of the lowest rank among them.
    """
    if fabric is None or fabric.world_size == 1:
        return [action()]
    gathered: list[tuple[Result, Exception | None]] = [(None, None)] * fabric.world_size  # pyright: ignore[reportAssignmentType]
    dist.all_gather_object(gathered, _error_of(action))
    for _, error in gathered:
        if error is not None:
            raise error
    return [result for result, _ in gathered]


@contextmanager
def failing_together(fabric: Fabric | None) -> Iterator[None]:
    """If a block fails in one process, every process leaves it with that error, the first process first.

    A process that does not leave the block by itself within GRACE, since it waits for the failed one, is ended with the error's
    exit code; the first process prints the message before. An error that did not reach the first process has the attribute
    `unreported`, so that this process prints it.
    """
    if fabric is None or fabric.world_size == 1:
        yield
        return
    company = _Company(fabric)
    company.watch.start()
    try:
        yield
    except Exception as error:
        agreed = company.agree(error)
        if agreed is error:
            raise
        raise agreed from error
    finally:
        company.stop.set()


class _Company:
    """One process's part in failing together."""

    def __init__(self, fabric: Fabric) -> None:
        self.first, self.world = fabric.is_global_zero, fabric.world_size
        self.store: Any = dist.distributed_c10d._get_default_store()
        self.looking = self.store.clone()  # a clone, since calls of one store wait for one another
        self.stop = threading.Event()
        self.watch = threading.Thread(target=self._watch, name="kelbo-failing-together", daemon=True)

    def agree(self, error: Exception) -> Exception:
        """The error of the process that failed first, after the others have received it."""
        self.stop.set()
        lost = _lost_connection(error, self.world)
        mine = b64encode(pickle.dumps(lost or _portable(error)))
        try:
            told = self.store.compare_set(FAILED, "", mine.decode())
            # this error itself, with its own traceback, if this process was the first to fail
            first = (lost or error) if told == mine else pickle.loads(b64decode(told))
            self._hear(self.store)
        except (dist.DistError, RuntimeError):  # the store has ended with the first process
            first = lost or error
            first.unreported = True  # pyright: ignore[reportAttributeAccessIssue]
            return first
        if self.first:
            _wait(lambda: self.store.add(HEARD, 0) >= self.world, LOOK if lost else PATIENCE)
            atexit.register(self._leave, self.store)  # this runs after the error was printed
        elif _wait(lambda: self.store.check([FIRST_HEARD]), PATIENCE):
            self._see_off(self.store)
        else:
            first.unreported = True  # pyright: ignore[reportAttributeAccessIssue]
        return first

    def _watch(self) -> None:
        try:
            while not self.looking.check([FAILED]):
                if self.stop.wait(LOOK):
                    return
            error = pickle.loads(b64decode(self.looking.get(FAILED)))
        except (dist.DistError, RuntimeError):  # the store has ended; pending operations will fail by themselves
            return
        if not self.stop.wait(GRACE):
            self._end(error)

    def _end(self, error: Exception) -> None:
        """End this process, whose main thread waits for a process that has failed."""
        with suppress(dist.DistError, RuntimeError):
            self._hear(self.looking)
            if self.first:
                cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar hides it
                print(f"{cursor}error: {message(error)}", file=sys.stderr, flush=True)
                _wait(lambda: self.looking.add(HEARD, 0) >= self.world, PATIENCE)
                self._leave(self.looking)
            else:
                self._see_off(self.looking)
        sys.stdout.flush()
        os._exit(getattr(error, "exit_code", 1))

    def _hear(self, store: Any) -> None:
        store.add(HEARD, 1)
        if self.first:
            store.set(FIRST_HEARD, "1")

    def _leave(self, store: Any) -> None:
        """For the first process, which must end before the others: a launcher kills it at once if another ends first."""
        with suppress(dist.DistError, RuntimeError):
            store.set(FIRST_LEAVES, "1")
            _wait(lambda: store.add(SEEN_OFF, 0) >= self.world - 1, GRACE)

    def _see_off(self, store: Any) -> None:
        with suppress(dist.DistError, RuntimeError):
            _wait(lambda: store.check([FIRST_LEAVES]), PATIENCE)
            store.add(SEEN_OFF, 1)
            time.sleep(LOOK)


def _error_of(action: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    """An action's result and None, or None and its error in a form that can be sent."""
    try:
        return action(), None
    except Exception as error:
        return None, _portable(error)


def _portable(error: Exception) -> Exception:
    """The error itself if it can be pickled, else a RuntimeError with its message."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _lost_connection(error: Exception, world: int) -> KelboError | None:
    """The error to raise instead if a collective operation found that another process had ended; else None."""
    if isinstance(error, dist.DistError) or "gloo/transport" in str(error):
        return KelboError(
            f"One of the {world} processes ended without an error (killed, perhaps because memory ran out), so the "
            "others stopped. A training run can be resumed from its last checkpoint.",
            remedy=("resume",),
        )
    return None


def _wait(until: Callable[[], bool], seconds: float) -> bool:
    """Whether `until` became true in time; False if the store has ended."""
    end = time.monotonic() + seconds
    with suppress(dist.DistError, RuntimeError):
        while time.monotonic() < end:
            if until():
                return True
            time.sleep(0.05)
    return False
