"""Large compressed official files: unpacked once into the cache, part by part, and mapped in later runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from kelbo.container import memory
from kelbo.data import cache as kept
from kelbo.data.images import ArrayImages
from kelbo.errors import DataError
from kelbo.units import sized


def unpacked(
    path: Path,
    count: int,
    shape: tuple[int, int, int],
    parts: Callable[[], Iterable[np.ndarray]],
    steps: int,
    cache: Path | None,
) -> ArrayImages:
    """The images of a file, from the cache if it has them.

    count: number of images, (C, H, W) each. parts: gives the images in order, uint8 (n, C, H, W), in `steps` parts; called
    only if needed. cache: folder in which they are kept; None reads them into memory.

    Raises DataError if the cache cannot be written, or there is none and the images take more than half of the
    machine's memory; and what `parts` raises.
    """
    if cache is not None:
        status = path.stat()
        key = kept.key_of(str(path.absolute()), status.st_size, status.st_mtime_ns, count, shape)
        found = kept.kept(cache, key, shape, count, str(path), lambda _: _shown(path, parts(), steps))
        if found:
            return found[0]
    size = count * math.prod(shape)
    if size > memory() // 2:
        raise DataError(
            f"{path} holds {sized(size)} of pixels, more than half of this machine's memory. Unpack them once to "
            "disk: name a folder with room for them, instead of none, in the environment variable KELBO_CACHE."
        )
    pixels, start = np.empty((count, *shape), np.uint8), 0
    for part in _shown(path, parts(), steps):
        pixels[start : start + len(part)] = part
        start += len(part)
    return ArrayImages(pixels)


def _shown(path: Path, parts: Iterable[np.ndarray], steps: int) -> Iterator[np.ndarray]:
    """The same parts, with a progress bar on standard error if that is a terminal."""
    console = Console(stderr=True)
    label = escape(f"unpacking {path.name}, once")
    yield from track(parts, label, steps, console=console, transient=True, disable=not console.is_terminal)
