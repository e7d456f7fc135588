"""What this process may use of its machine: processors and memory, within the limits of its container.

Linux keeps such limits in control groups, of version 1 (a folder for each controller) or 2 (one for all). A process is bound by
the limits of its own group and of all groups above it.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

if sys.platform == "win32":
    resource = None
else:
    import resource

MOUNT = Path("/sys/fs/cgroup")
GROUPS = Path("/proc/self/cgroup")

RESERVED = 32 * 2**20
"""bytes that a thread reserves without using them: its stack and its part of the heap (measured: 26 MB)"""


def processors() -> int:
    """Processors that this process may use, at least 1: those of its affinity, and its container's quota rounded up."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([own, *(math.ceil(quota) for quota in _quotas())]))


def memory() -> int:
    """Bytes of this machine's memory, or of the share that the container or a limit of the process (ulimit -v) leaves of it.

    2⁶³ if the system tells none of these.
    """
    return min([*_whole(), *_own_limit(), *_shares()], default=2**63)


def fail_before_kill() -> None:
    """Let an allocation that goes beyond the container's memory fail, so that an error can say what it was for.

    By default Linux grants it and kills the process when it uses the memory, without a word. This limits the process's own
    data, besides which threads reserve some that they do not use. It does nothing without such a limit, or where a GPU's
    driver is, which reserves much more than it uses.
    """
    if resource is None or Path("/dev/nvidiactl").exists() or not (shares := [*_shares()]):
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = min(shares) + RESERVED * processors()
    limits = [wanted, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY)]
    if min(shares) < min(_whole(), default=2**63):
        resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))


def _whole() -> list[int]:
    return [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")] if hasattr(os, "sysconf") else []


def _shares() -> Iterator[int]:
    """Bytes that each group of this process allows."""
    for file in _files("memory", "memory.max", "memory.limit_in_bytes"):
        yield from _numbers(file)[:1]


def _own_limit() -> list[int]:
    if resource is None:
        return []
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if limit == resource.RLIM_INFINITY else [limit]


def _quotas() -> Iterator[float]:
    """Processors that each quota allows; fractions are usual."""
    for file in _files("cpu", "cpu.max", "cpu.cfs_quota_us"):
        numbers = _numbers(file) + _numbers(file.with_name("cpu.cfs_period_us"))
        if len(numbers) == 2:
            yield numbers[0] / numbers[1]


def _numbers(file: Path) -> list[int]:
    """The positive numbers of a group's file; none if it sets no limit ("max", -1) or cannot be read."""
    with suppress(OSError, ValueError):
        numbers = [int(word) for word in file.read_text(encoding="utf-8").split()]
        return numbers if min(numbers) > 0 else []
    return []


def _files(controller: str, second: str, first: str) -> Iterator[Path]:
    """A controller's files, of version 2 or 1, for this process's group and those above it.

    A container sees its own group as the root, whatever path the system tells, so the root is always looked at.
    """
    for number, names, path in _groups():
        if number == "0":
            folders, name = [MOUNT, MOUNT / "unified"], second
        elif controller in names.split(","):
            folders, name = [MOUNT / names], first
        else:
            continue
        own = PurePosixPath(path.lstrip("/"))
        yield from (folder / part / name for folder in folders for part in (own, *own.parents))


def _groups() -> Iterator[list[str]]:
    """Number, controllers and path of each of this process's groups; none where the system has no such thing."""
    with suppress(OSError):
        lines = GROUPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        yield from (line.split(":", 2) for line in lines if line.count(":") >= 2)
