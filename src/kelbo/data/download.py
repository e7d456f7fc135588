"""Download official files from their public homes: each once, resumable, verified, and never incomplete in its place.

A file is written to `.NAME.partial` beside its place, compared with its published checksum, flushed to disk and renamed.
A lock lets one process fetch at a time; the others wait and then find the files in place.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from kelbo.data.sources import SCHEMES, File, PublicSet, fault
from kelbo.data.transfer import Cut, TransferError, Wrong, transfer
from kelbo.errors import DataCorrupt, DataError, DataMissing, Locked
from kelbo.locks import UNTIL_FREE, held, holder_of

ATTEMPTS = 4
LOCK = ".fetch.lock"


class Watch(Protocol):
    """Receives the progress of a download."""

    def moved(self, name: str, done: int, total: int | None) -> None:
        """`done` of `total` bytes of a file have arrived."""
        ...

    def says(self, line: str) -> None:
        """A message of one line: an attempt that failed, a wait for another process."""
        ...


class Silent:
    def moved(self, name: str, done: int, total: int | None) -> None:
        pass

    def says(self, line: str) -> None:
        pass


def fetch(
    source: PublicSet,
    root: Path | str,
    mirror: str | None = None,
    watch: Watch | None = None,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> list[Path]:
    """Every official file of a set, at its place below `root`; existing files are verified and left alone.

    mirror: address of a web server that holds a data root's folders, used instead of the homes; by default the
    environment variable KELBO_MIRROR. pause: seconds before the second attempt, doubled each time. timeout: seconds without
    a byte. Raises DataMissing if no home can be reached or has a file, DataCorrupt if another file was found, and
    DataError if a download was cut off or the disk could not be written.
    """
    folder, watch = Path(root) / source.place, watch or Silent()
    homes = {file: _homes(source, file, mirror or os.environ.get("KELBO_MIRROR")) for file in source.files}
    try:
        lacking = [file for file in source.files if not _there(folder / file.name, file)]
        if any(not homes[file] for file in lacking):
            raise DataMissing(
                f"{source.title} has no home that a program may download from. {_by_hand(source, folder)}"
            )
        if lacking:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder / LOCK, watch):
                for file in lacking:
                    if not _there(folder / file.name, file):
                        _from_any(source, file, homes[file], folder, watch, pause, timeout)
    except OSError as error:
        raise DataError(
            f"{source.title} cannot be kept in {folder} ({error}). Make room there or choose another data root, "
            "then fetch again: what has arrived so far is kept.",
            remedy=("data_root",),
        ) from error
    return [folder / file.name for file in source.files]


def _homes(source: PublicSet, file: File, mirror: str | None) -> tuple[str, ...]:
    if not mirror:
        return file.urls
    if urlsplit(mirror).scheme not in SCHEMES:
        raise DataError(f"The mirror must be an http or https address (KELBO_MIRROR); got {mirror!r}.")
    path = file.name if source.place == "." else f"{source.place}/{file.name}"
    return (f"{mirror.rstrip('/')}/{path}",)


def _there(path: Path, file: File) -> bool:
    if not path.is_file():
        return False
    wrong = fault(path, file)
    if wrong:
        raise DataCorrupt(f"{path} exists, but is not the official file: {wrong}. Move it away and fetch again.")
    return True


def _from_any(
    source: PublicSet, file: File, urls: tuple[str, ...], folder: Path, watch: Watch, pause: float, timeout: float
) -> None:
    """The file from the first home that delivers it; the error lists every home that did not."""
    path, partial = folder / file.name, folder / f".{file.name}.partial"
    failures: list[tuple[str, TransferError]] = []
    for url in urls:
        try:
            _from_one(url, file, partial, watch, pause, timeout)
        except TransferError as failure:
            failures.append((url, failure))
            if url != urls[-1]:
                watch.says(f"{url}: {failure}; trying the next home")
        else:
            partial.replace(path)
            _flush_folder(folder)
            return
    told = "".join(f"\n  {url}: {failure}." for url, failure in failures)
    if any(isinstance(failure, Cut) for _, failure in failures):
        raise DataError(f"{source.title}: {file.name} did not arrive completely:{told}\nFetch again to resume.")
    if any(isinstance(failure, Wrong) for _, failure in failures):
        raise DataCorrupt(
            f"{source.title}: {file.name} did not arrive as the official file:{told}\nFetch again later. "
            f"{_by_hand(source, folder)}"
        )
    raise DataMissing(f"{source.title}: {file.name} could not be fetched:{told}\n{_by_hand(source, folder)}")


def _from_one(url: str, file: File, partial: Path, watch: Watch, pause: float, timeout: float) -> None:
    """The verified partial file from one home, in a few attempts if the connection breaks."""
    for attempt in range(1, ATTEMPTS + 1):
        kept = partial.stat().st_size if partial.exists() else 0
        try:
            if kept == 0 or kept != file.size:  # it may be complete: a process may have been killed before renaming it
                transfer(url, file, partial, lambda done, total: watch.moved(file.name, done, total), timeout)
            _verify(partial, file, resumed=kept > 0)
            return
        except Cut as cut:
            if attempt == ATTEMPTS:
                raise Cut(f"{cut}, at the last of {ATTEMPTS} attempts") from cut
            watch.says(f"{url}: {cut}; trying again")
            time.sleep(pause * 2 ** (attempt - 1))


def _verify(partial: Path, file: File, resumed: bool) -> None:
    """Flush and compare; a wrong file is deleted. A resumed file may have begun with another copy, so it is tried again."""
    with partial.open("rb+") as stream:
        os.fsync(stream.fileno())
    wrong = fault(partial, file)
    if wrong:
        partial.unlink()
        raise (Cut if resumed else Wrong)(f"the file that arrived was not the official one, and was deleted: {wrong}")


def _by_hand(source: PublicSet, folder: Path) -> str:
    if source.fetchable:
        wanted = "".join(f"\n  {file.urls[0]}" for file in source.files)
        way = f"To fetch by hand, save these in {folder}:{wanted}\n"
    else:
        names = ", ".join(file.name for file in source.files)
        way = f"To fetch by hand, get {names} from {source.page} and save them in {folder}.\n"
    return f"{way}Or name a web server with the folders of a data root in KELBO_MIRROR."


@contextlib.contextmanager
def _locked(path: Path, watch: Watch) -> Iterator[None]:
    """Hold the lock of `path`, after a wait if another process does."""
    doing = f"{path.parent} is being fetched into"
    with contextlib.ExitStack() as holding:
        try:
            holding.enter_context(held(path, doing, patience=0))
        except Locked:
            who = holder_of(path) or "another process"
            watch.says(f"{who}, is fetching into {path.parent}; waiting for it")
            holding.enter_context(held(path, doing, patience=UNTIL_FREE))
        yield


def _flush_folder(folder: Path) -> None:
    """Make the rename survive a power cut; Windows cannot open folders and does not need it."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
