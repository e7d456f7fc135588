"""Arrays on disk, mapped into memory: pages are read where they are looked at, and given up where memory runs short."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def mapped(path: Path) -> np.ndarray:
    """The array of a `.npy` file, read-only. Raises OSError, EOFError or ValueError where it is damaged."""
    return advised(np.lib.format.open_memmap(path, mode="r"))


def advised(array: np.memmap) -> np.memmap:
    """The same map, read as suits random access.

    Systems read far ahead of a page that is asked for (on the machine where it was measured, 1,211 MB from the disk for
    16 MB of images in random order). That fills the memory early where the file fits into it, and is lost where it does
    not: there, reading ahead is switched off.
    """
    if array.nbytes > memory() // 2 and isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
        array.base.madvise(mmap.MADV_RANDOM)
    return array


def memory() -> int:
    """Bytes of this machine's memory, or of the container's share of it."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")] if hasattr(os, "sysconf") else []
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        limits.append(int(CONTAINER_LIMIT.read_text()))
    return min(limits, default=2**63)
