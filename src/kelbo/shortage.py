"""Too little memory, of Python, NumPy, PyTorch or the system, as one error that says how much was wanted, and for what.

Each of them raises an error of its own kind; PyTorch's on a CPU is a plain RuntimeError, known by its words.
"""

from __future__ import annotations

import errno
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kelbo.container import memory
from kelbo.errors import OutOfMemory, Remedy

WORDS = re.compile(r"DefaultCPUAllocator|Cannot allocate memory|out of memory|CUBLAS_STATUS_ALLOC_FAILED|bad_alloc")
WANTED = re.compile(r"(?:allocate|mmap|allocation of size) ([\d.]+) ?(bytes|[KMGTP]i?B)?")
SIZES = {"": 1, "bytes": 1, **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGTP", start=1)}}


@contextmanager
def memory_for(what: str, advice: str, remedy: tuple[Remedy, ...] = ()) -> Iterator[None]:
    """Inside the block too little memory is an OutOfMemory that says for `what` it was wanted, and what to do.

    What a block within says is kept, since it knows more.
    """
    try:
        yield
    except Exception as error:
        raise_shortage(error, what, advice, remedy)
        raise


def raise_shortage(error: BaseException, what: str, advice: str = "", remedy: tuple[Remedy, ...] = ()) -> None:
    """Raise OutOfMemory if an error came of too little memory: then it tells nothing of a file that was being read."""
    if isinstance(error, OutOfMemory):
        raise error
    if is_shortage(error):
        raise OutOfMemory(_told(error, what, advice), wanted=wanted_by(error), remedy=remedy) from error


def is_shortage(error: BaseException) -> bool:
    """Whether an error came of too little memory of the machine or of a device."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    of_torch = isinstance(error, RuntimeError) and WORDS.search(str(error))
    return isinstance(error, MemoryError) or bool(of_torch)


def wanted_by(error: BaseException) -> int | None:
    """Bytes that were asked for at once; None if the error does not tell."""
    shape, kind = getattr(error, "shape", None), getattr(error, "dtype", None)
    if isinstance(shape, Sequence) and kind is not None:  # NumPy's words are rounded
        return math.prod(shape) * kind.itemsize
    if found := WANTED.search(str(error)):
        return round(float(found[1]) * SIZES.get(found[2] or "", 1))
    return None


def _told(error: BaseException, what: str, advice: str) -> str:
    wanted = wanted_by(error)
    asked = "" if wanted is None else f" {_size(wanted)} more were asked for at once."
    if type(error).__name__ == "OutOfMemoryError" or "CUDA" in str(error):
        return f"The device has too little memory for {what}.{asked} {advice}".rstrip()
    return f"There is too little memory for {what}.{asked} This process may use {_size(memory())} in all. {advice}".rstrip()


def _size(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"
