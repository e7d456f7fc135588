"""Where the cache is and how much it may hold: what was used least recently is removed first, and never what a process uses."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kelbo.data.cache_use import LOCKS, guarded, is_being_made, is_used
from kelbo.errors import DataError, Locked
from kelbo.locks import held
from kelbo.units import sized

LOG = logging.getLogger(__name__)
LIMIT = "KELBO_CACHE_SIZE"
FEATURES = "features"
"""the cache's folder of features of images (see `kelbo.evaluation.reference`)"""
KEY = re.compile(r"[0-9a-f]{32}")
STALE = 24 * 3600
"""seconds after which a partial file is assumed to belong to a killed process, even if no lock tells"""
UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def cache_root() -> Path | None:
    """The environment variable KELBO_CACHE if set ("none": no cache), else kelbo's folder in the system's caches.

    None too if the user has no home folder, and so no place for caches.
    """
    if named := os.environ.get("KELBO_CACHE"):
        return None if named == "none" else Path(named)
    if sys.platform == "win32":
        return _caches("LOCALAPPDATA", "AppData/Local", "kelbo/cache")
    if sys.platform == "darwin":
        return _caches("", "Library/Caches", "kelbo")
    return _caches("XDG_CACHE_HOME", ".cache", "kelbo")


def _caches(variable: str, below_home: str, own: str) -> Path | None:
    """Our folder in the one that an environment variable names, or else in one below the user's home, if there is one."""
    if named := os.environ.get(variable):
        return Path(named) / own
    try:
        return Path.home() / below_home / own
    except RuntimeError:  # a container's user without HOME and without an entry in the list of users
        return None


@dataclass(frozen=True)
class Kept:
    """What a cache keeps under one key: decoded pictures, or features of images.

    files: the first makes the others valid. bytes: of all of them. used: when it was used last, seconds since the epoch.
    """

    cache: Path
    key: str
    files: tuple[Path, ...]
    bytes: int
    used: float

    @property
    def is_features(self) -> bool:
        return self.files[0].parent.name == FEATURES

    def about(self) -> dict[str, Any]:
        """What the record tells: "of", the folder or file that it was made from; "split"; "shape" (N, …). None of an earlier
        version has them."""
        if self.is_features:
            return _about_features(self.files[0])
        with suppress(OSError, ValueError, TypeError):
            return dict(json.loads(self.files[0].read_text(encoding="utf-8"))[0])
        return {}

    @property
    def is_used(self) -> bool:
        """Whether a process uses it, or makes it anew. Call it inside `guarded`."""
        return is_used(self.cache, self.key) or is_being_made(self.cache, self.key)

    def remove(self) -> bool:
        """Remove it unless a process uses it; whether it was removed. Call it inside `guarded`."""
        lock = self.cache / LOCKS / f"{self.key}.lock"
        try:
            with held(lock, f"{self.key} is being removed", patience=0):
                if is_used(self.cache, self.key):
                    return False
                for file in (*self.files, lock):  # a lock's file only by who holds it
                    file.unlink(missing_ok=True)
        except (Locked, OSError):  # it is being made, belongs to another user or, on Windows, is open
            return False
        return True


def kept_in(cache: Path) -> list[Kept]:
    """Everything in a cache, what was used least recently first. Foreign files are not looked at."""
    sets = [(file, file.with_suffix(".npy")) for file in cache.glob("*.json")]
    found = [*sets, *((file,) for file in (cache / FEATURES).glob("*.safetensors"))]
    return sorted(filter(None, (_kept(cache, files) for files in found)), key=lambda one: one.used)


def _kept(cache: Path, files: tuple[Path, ...]) -> Kept | None:
    if not KEY.fullmatch(files[0].stem):
        return None
    try:
        status = [file.stat() for file in files]
    except OSError:  # removed a moment ago, or half of it
        return None
    return Kept(cache, files[0].stem, files, sum(one.st_size for one in status), status[0].st_mtime)


def _about_features(file: Path) -> dict[str, Any]:
    """From the header of safetensors: its length, then JSON."""
    with suppress(OSError, ValueError, KeyError, TypeError), file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        network = json.loads(next(iter(header["__metadata__"].values())))["network"]
        name = network.get("name", "unknown") if isinstance(network, dict) else network
        return {"of": f"features by the network {name}", "shape": header["features"]["shape"]}
    return {}


def limit_of(cache: Path) -> int | None:
    """Bytes that a cache may hold, by the environment variable KELBO_CACHE_SIZE ("20GB"); None if it is "none".

    By default half of what would be free on its disk without it, or one larger set. Raises DataError for another value.
    """
    told = os.environ.get(LIMIT, "").strip()
    if told.lower() == "none":
        return None
    if not told:
        return (_free(cache) + sum(one.bytes for one in kept_in(cache))) // 2
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?b|)", told.lower())
    if not found:
        raise DataError(f"{LIMIT} should be a size such as 20GB or 500MB, or none; got {told!r}.")
    return int(float(found[1]) * UNITS[found[2]])


def why_no_room(cache: Path, needed: int, key: str) -> str:
    """Remove what was used least recently until so many bytes fit; "", or why they do not fit.

    key: of what is being made. The limit is exceeded if processes use all the rest. Removals are told.
    """
    with guarded(cache):
        limit = limit_of(cache)
        if limit is not None and needed > limit:
            if os.environ.get(LIMIT):
                return f"they take {sized(needed)}, and the cache may hold {sized(limit)} ({LIMIT})"
            limit = needed  # no limit was wanted: only the disk counts
        sweep(cache, key)
        found, removed = kept_in(cache), {}
        if needed > _free(cache) + sum(one.bytes for one in found if not one.is_used):
            return f"they take {sized(needed)}, and {sized(_free(cache))} are free on the disk of {cache}"
        total = sum(one.bytes for one in found)
        for one in found:
            if (limit is None or total + needed <= limit) and _free(cache) >= needed:
                break
            of = one.about().get("of", one.key)
            if one.remove():
                total, removed = total - one.bytes, {**removed, one: of}
    if removed:
        names = ", ".join(dict.fromkeys(removed.values()))
        LOG.warning(
            f"The cache {cache} is full; what was used least recently was removed: {names}, {freed([*removed])}"
        )
    return ""


def freed(removed: Sequence[Kept]) -> str:
    sets = f"{len(removed):,} set{'s' * (len(removed) != 1)}"
    return f"{sets}, {sized(sum(one.bytes for one in removed))}"


def used_in(cache: Path) -> dict[Kept, bool]:
    """Everything in a cache, what was used last first, and whether a process uses it now."""
    if not cache.is_dir():
        return {}
    with guarded(cache):
        return {one: one.is_used for one in reversed(kept_in(cache))}


def clear(cache: Path, chosen: Sequence[Kept], *, dry_run: bool = False) -> list[Kept]:
    """Remove these unless processes use them, and what killed processes left; what was removed. dry_run: only tell."""
    if not cache.is_dir():
        return []
    with guarded(cache) as may_remove:
        if dry_run or not may_remove:
            return [one for one in chosen if may_remove and not one.is_used]
        sweep(cache)
        return [one for one in chosen if one.remove()]


def sweep(cache: Path, own: str = "") -> None:
    """Remove what killed processes left. own: the key that this process is making."""
    for file in _partly(cache):
        key = file.name.partition(".")[0]
        with suppress(OSError):  # another process removed it first, or owns it
            has_lock = (cache / LOCKS / f"{key}.lock").exists()
            is_stale = time.time() - file.stat().st_mtime > STALE
            if key == own or is_stale or (has_lock and not is_being_made(cache, key)):
                file.unlink()


def _partly(cache: Path) -> Iterator[Path]:
    """Files that are not yet, or no longer, part of a set."""
    yield from cache.glob("*.partial")
    for array in cache.glob("*.npy"):
        if KEY.fullmatch(array.stem) and not array.with_suffix(".json").exists():
            yield array


def _free(cache: Path) -> int:
    """Bytes that are free on the disk of a cache, whose folder need not exist yet."""
    place = next(folder for folder in (cache.absolute(), *cache.absolute().parents) if folder.exists())
    return shutil.disk_usage(place).free
