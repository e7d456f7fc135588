"""Arrays on disk, mapped into memory: pages are read when they are accessed, and released when memory runs short."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import IO

import numpy as np

from kelbo.container import memory


def mapped(path: Path) -> np.ndarray:
    """The array of a `.npy` file, read-only. Raises OSError, EOFError or ValueError if it is damaged."""
    return advised(np.lib.format.open_memmap(path, mode="r"))


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in column order, and type, from the start of a `.npy`; ValueError if it is damaged."""
    first = np.lib.format.read_magic(stream) == (1, 0)
    return (np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0)(stream)


def advised(array: np.memmap) -> np.memmap:
    """The same map, advised for random access.

    Systems read far ahead of a requested page (in one measurement, 1,211 MB from the disk for 16 MB of images in random
    order). That fills the memory early if the file fits into it, and is wasted if it does not: then reading ahead is switched
    off.
    """
    if array.nbytes > memory() // 2 and isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
        array.base.madvise(mmap.MADV_RANDOM)
    return array
