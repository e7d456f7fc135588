"""Locks of what lies in folders: of a run, a sweep and a study the file `.lock` in its own, see `kelbo.locks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kelbo.errors import NotSaved, Remedy
from kelbo.locks import held, require_unlocked

LOCK = ".lock"


@contextmanager
def holding(
    lock: Path, doing: str, keeps: Callable[[], bool], *, remedy: tuple[Remedy, ...] = ("out",)
) -> Iterator[None]:
    """Inside the block no other process holds the file `lock`, whose folder is made if there is none.

    doing: see `held`. keeps: asked in the end whether the file stays; if not, it is removed, and so are folders that were made
    for it if nothing else lies in them. Raises Locked, and NotSaved if the disk refuses.
    """
    made = [each for each in lock.parents if not each.exists()]
    with ExitStack() as leaving:
        leaving.callback(lambda: keeps() or _remove(made))
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            leaving.enter_context(held(lock, doing, remedy=remedy))
        except OSError as error:
            raise NotSaved(
                f"{lock.parent} cannot be written to ({error.strerror}). Change that, or choose another folder.",
                remedy=remedy,
            ) from error
        # while it is held: a process that waits for it then finds that the file is gone, and makes another
        leaving.callback(lambda: keeps() or lock.unlink(missing_ok=True))
        yield


def require_free(folder: Path, doing: str) -> None:
    """Locked if another process holds the folder. Nothing is written."""
    require_unlocked(folder / LOCK, doing, remedy=("out",))


def _remove(folders: Sequence[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # something else lies in it by now
            folder.rmdir()
