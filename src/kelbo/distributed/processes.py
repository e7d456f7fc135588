"""What several processes of one training or evaluation owe one another: to do some things once, and to fail together.

Where processes meet anyway (a checkpoint, a row of scalars, the gathering of an evaluation) `once` and `together` carry an
error from the process that has it to all. Anywhere else the others may be waiting for the failed one inside a collective
operation, which nothing in Python wakes: there `failing_together` leaves the error in the key-value store that the
processes were started with, and a thread of each looks at that store now and then. With one process all of this is free.
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
"""seconds between two looks at the store"""
GRACE = 2.0
"""seconds in which a process that has heard of an error may leave by itself, since it may have met the same one"""
PATIENCE = 10.0
"""seconds after which nobody waits any longer for another to hear or to leave"""


def place(fabric: Fabric | None) -> tuple[int, int]:
    """This process's rank and how many there are: (0, 1) without Fabric."""
    return (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)


def part_at_exit(fabric: Fabric) -> None:
    """Dissolve the processes' group before the interpreter ends; call it once they are launched.

    A thread of a gloo group may still hold the last operation's tensors then, and a thread that asks for the interpreter
    while it ends takes the process down with it, after all its work was done.
    """
    if fabric.world_size > 1:
        atexit.register(_part)


def _part() -> None:
    if dist.is_initialized():
        gc.collect()  # a trained model in a cycle of references keeps the group alive
        with suppress(dist.DistError, RuntimeError):  # the others have gone, which ends the group as well
            dist.destroy_process_group()


def once(fabric: Fabric | None, action: Callable[[], object]) -> None:
    """Do something in the first process alone; where it fails, every process raises the same error."""
    if fabric is None or fabric.world_size == 1:
        action()
        return
    error = _error_of(action)[1] if fabric.is_global_zero else None
    error = fabric.broadcast(error)
    if error is not None:
        raise error


def from_first(fabric: Fabric | None, action: Callable[[], Result]) -> Result:
    """Do something in the first process and give every process its result; where it fails, every process raises the error."""
    if fabric is None or fabric.world_size == 1:
        return action()
    told = _error_of(action) if fabric.is_global_zero else None
    result, error = cast(tuple[Result, Exception | None], fabric.broadcast(told))
    if error is not None:
        raise error
    return result


def together(fabric: Fabric | None, action: Callable[[], Result]) -> list[Result]:
    """Do something in every process and give every process all results, by rank.

    Where it fails in some, every process raises the error of the first of them.
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
    """Where a block fails in one process, every process leaves it with that error, and the first process first.

    A process that does not come out of the block by itself within GRACE, since it waits for the failed one, is ended with
    the error's exit code; the first one prints the message before. An error that the first process did not hear of has the
    attribute `unheard`, so that whoever prints errors prints it in this process.
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
        self.looking = self.store.clone()  # of its own, since a store's calls wait for one another
        self.stop = threading.Event()
        self.watch = threading.Thread(target=self._watch, name="kelbo-failing-together", daemon=True)

    def agree(self, error: Exception) -> Exception:
        """The error of whoever failed first, once the others have heard of it."""
        self.stop.set()
        lost = _lost_connection(error, self.world)
        mine = b64encode(pickle.dumps(lost or _portable(error)))
        try:
            told = self.store.compare_set(FAILED, "", mine.decode())
            # this very error, with its own trace, where this process was the first to fail
            first = (lost or error) if told == mine else pickle.loads(b64decode(told))
            self._hear(self.store)
        except (dist.DistError, RuntimeError):  # the store is gone, and the first process with it
            first = lost or error
            first.unheard = True  # pyright: ignore[reportAttributeAccessIssue]
            return first
        if self.first:
            _wait(lambda: self.store.add(HEARD, 0) >= self.world, LOOK if lost else PATIENCE)
            atexit.register(self._leave, self.store)  # that is, after the error was printed
        elif _wait(lambda: self.store.check([FIRST_HEARD]), PATIENCE):
            self._see_off(self.store)
        else:
            first.unheard = True  # pyright: ignore[reportAttributeAccessIssue]
        return first

    def _watch(self) -> None:
        try:
            while not self.looking.check([FAILED]):
                if self.stop.wait(LOOK):
                    return
            error = pickle.loads(b64decode(self.looking.get(FAILED)))
        except (dist.DistError, RuntimeError):  # the store is gone; what waits for its process will hear so
            return
        if not self.stop.wait(GRACE):
            self._end(error)

    def _end(self, error: Exception) -> None:
        """End this process, whose main thread waits for one that will not come."""
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
        """Of the first process, which must end before the others: a launcher kills it at once where it outlives one."""
        with suppress(dist.DistError, RuntimeError):
            store.set(FIRST_LEAVES, "1")
            _wait(lambda: store.add(SEEN_OFF, 0) >= self.world - 1, GRACE)

    def _see_off(self, store: Any) -> None:
        with suppress(dist.DistError, RuntimeError):
            _wait(lambda: store.check([FIRST_LEAVES]), PATIENCE)
            store.add(SEEN_OFF, 1)
            time.sleep(LOOK)


def _error_of(action: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    """What an action gives and None, or None and the error that it raises, as one that can be sent."""
    try:
        return action(), None
    except Exception as error:
        return None, _portable(error)


def _portable(error: Exception) -> Exception:
    """The error itself where another process can have it, else its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _lost_connection(error: Exception, world: int) -> KelboError | None:
    """What to say instead where a collective operation found that another process had gone."""
    if isinstance(error, dist.DistError) or "gloo/transport" in str(error):
        return KelboError(
            f"One of the {world} processes ended without an error (killed, perhaps because memory ran out), so the "
            "others stopped. A training run can be resumed from its last checkpoint.",
            remedy=("resume",),
        )
    return None


def _wait(until: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time; it does not where the store is gone."""
    end = time.monotonic() + seconds
    with suppress(dist.DistError, RuntimeError):
        while time.monotonic() < end:
            if until():
                return True
            time.sleep(0.05)
    return False
