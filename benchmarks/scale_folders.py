"""What a folder of a million pictures costs each command, and how often four workers decode one folder: a part of `scale.py`.

    python benchmarks/scale_folders.py --list FOLDER      # one measurement, as JSON
    python benchmarks/scale_folders.py --workers FOLDER

Listing is a process that does with a folder what every command and worker does before it looks into the cache: find the
pictures, divide them into splits, and make the key of their sizes and times. The files are hard links to a few small PNG files.
The check is a whole command on pictures that are kept decoded. The bar of memory, 300 MB, is of the listing's process, most of
which is PyTorch. `load` is the mean number of processes that wanted a processor: on a machine that others use, seconds are
longer than the processor's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

FILES, CLASSES, WORKERS, DECODED = 1_000_000, 1_000, 4, 12_000
LINKS = 60_000
"""names of one file, of which ext4 allows 65,000"""
FLAT, SORTED, KEPT = (
    "list of 1,000,000 files",
    "list of 1,000,000 files in 1,000 folders",
    "check of 1,000,000 files that are kept decoded",
)
SHARED = "4 workers that decode 12,000 pictures"
BARS = {FLAT: 10.0, SORTED: 10.0}
SLOW_BEFORE: set[str] = set()


def commands(work: Path) -> dict[str, list[str]]:
    script, check = str(Path(__file__)), ["-m", "kelbo", "data", "check", "folder"]
    return {
        FLAT: [script, "--list", str(work / "flat")],
        SORTED: [script, "--list", str(work / "classes")],
        KEPT: [*check, "--data-root", str(work / "classes"), "--set", "size=8"],
        SHARED: [script, "--workers", str(work / "decoded")],
    }


def prepare(work: Path) -> None:
    """The folders, and a cache with the million decoded. Both versions find it, since their keys are equal."""
    os.environ["KELBO_CACHE"] = str(work / "cache")
    for name, files, folders in (("flat", FILES, 1), ("classes", FILES, CLASSES), ("decoded", DECODED, 10)):
        if not (work / name).exists():
            linked(work / name, files, folders)
    subprocess.run([sys.executable, *commands(work)[KEPT]], check=True, stdout=subprocess.DEVNULL)


def fresh(work: Path, name: str) -> None:
    if name == SHARED:
        shutil.rmtree(work / "decoded-cache", ignore_errors=True)


def linked(folder: Path, files: int, folders: int) -> None:
    import numpy as np
    from PIL import Image

    contents = folder.with_name(f"{folder.name}-contents")
    contents.mkdir(parents=True)
    for number in range(-(-files // LINKS)):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(contents / f"{number}.png")
    inside = [folder] if folders == 1 else [folder / f"n{number:05}" for number in range(folders)]
    for each in inside:
        each.mkdir(parents=True)
    for number in range(files):
        os.link(contents / f"{number // LINKS}.png", inside[number % folders] / f"{number:08}.png")


def list_files(folder: Path) -> dict[str, float]:
    from kelbo.data import cache
    from kelbo.data.folder import listing_of
    from kelbo.data.layout import divide

    begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with listing_of(folder) as listing:
        if hasattr(cache, "key_of_many"):
            division = divide(listing.pictures.paths, str(folder), folders=listing.folders)
            keys = [cache.key_of_many(listing.pictures[part].stamps()) for part in division.parts.values()]
        else:
            paths = [picture.path for picture in listing.pictures]
            division = divide(paths, str(folder), folders=listing.folders)
            keys = [cache.key_of([listing.pictures[at].stamp for at in part]) for part in division.parts.values()]
        assert len(listing.pictures) == FILES
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(*keys, file=sys.stderr)
    return {"processor_seconds": used.ru_utime + used.ru_stime, "before_listing_mib": begun, "load": os.getloadavg()[0]}


def decode(folder: Path) -> int:
    """Read a folder as training would; the number of pictures that this process decoded for it."""
    from kelbo.data import opening
    from kelbo.data.folder import folder as read

    opened, count = opening.opened, 0

    def counted(*given):
        nonlocal count
        count += 1
        return opened(*given)

    opening.opened = counted
    read(folder, 64, cache=folder.with_name("decoded-cache"))
    return count


def work_together(folder: Path) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__)), "--decode", str(folder)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)]
    pictures = sum(int(worker.communicate()[0]) for worker in workers)
    if any(worker.returncode for worker in workers):
        raise SystemExit("a worker failed")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"decodings": pictures / DECODED, "processor_seconds": used.ru_utime + used.ru_stime}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for action in ("list", "workers", "decode"):
        parser.add_argument(f"--{action}", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    if given.decode:
        print(decode(given.decode))
    else:
        print(json.dumps(list_files(given.list) if given.list else work_together(given.workers)))


if __name__ == "__main__":
    main()
