"""Which files of a folder are pictures, and how many others there are, so that nothing is left out silently."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kelbo.data import formats
from kelbo.data.encoded_pictures import EncodedPicture, EncodedPictures, PictureStore, Stamp, from_file, stamp_of
from kelbo.data.formats import is_picture
from kelbo.data.paths import GrowingNames, GrowingPaths, Names, Paths
from kelbo.errors import DataCorrupt
from kelbo.names import as_native, as_utf8
from kelbo.units import counted


@dataclass(frozen=True)
class Listing:
    """Pictures sorted by their paths, all folders' paths (parted by "/"), and how many files were left out, by kind."""

    pictures: EncodedPictures
    folders: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


class Files(PictureStore):
    """The files of a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def picture(self, place: int, path: str) -> EncodedPicture:
        return from_file(self.root / as_native(path), path)

    def stamps(self, paths: Paths) -> Iterator[Stamp]:
        """Each file's path, size and time in nanoseconds."""
        root = str(self.root.absolute() / "x")[:-1]
        return (stamp_of(root + as_native(path)) for path in paths)


def used_and_left_out(used: Iterable[str], left_out: Mapping[str, int]) -> str:
    """Text for a set's note: "46 pictures used (40 .tif, 6 .png), 3 files left out (2 .txt, 1 hidden)".

    used: the pictures' names. left_out: how many files of each kind.
    """
    kinds = Counter(map(suffix_of, used))
    total = sum(left_out.values())
    rest = f"{counted(total, 'file')} left out ({_counts(left_out)})" if total else "no file left out"
    return f"{counted(kinds.total(), 'picture')} used ({_counts(kinds)}), {rest}" if kinds else rest


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count:,} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])) if count
    )


def suffix_of(name: str) -> str:
    return formats.suffix_of(name) or "without a suffix"


def listed(root: Path) -> Listing:
    """The pictures in a folder and its sub-folders.

    Links are followed; a file that can be reached in several ways is read once, at its own place if that is within the
    folder. Hidden files and folders and files of other kinds are left out and counted. A broken link is counted if its
    suffix is known and not a picture's; else it is listed, and refused when it is read.

    Raises DataCorrupt, naming the folder, if one cannot be listed.
    """
    walk = _Walk(root)
    walk.enter("", os.path.realpath(root))
    sorted_already = len(walk.paths)
    while walk.links:  # after everything else, so that files within the folder keep their own place
        walk.follow(*walk.links.pop(0))
    paths = walk.paths.done()
    paths = paths if len(paths) == sorted_already else paths.in_order()
    return Listing(EncodedPictures(Files(root), paths), tuple(sorted(walk.folders)), dict(walk.left_out))


class _Folder(NamedTuple):
    """A folder to be listed. path: its place within the set. real: its place on disk, without links."""

    path: str
    real: str


class _Link(NamedTuple):
    """A link, its place within the set and on disk."""

    folder: str
    name: str
    real: str


class _Walk:
    """All files below a folder in the order of their paths, then those that links lead to.

    Names are kept as bytes, and no object of any file: a listing of a million files would take more memory than training.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = GrowingPaths()
        self.folders: list[str] = []
        self.links: list[_Link] = []
        self.left_out: Counter[str] = Counter()
        self._entered: set[str] = set()
        self._linked: set[str] = set()
        """real paths of the files that are in the set by a link"""

    def enter(self, path: str, real: str) -> None:
        """Add a folder that is at `path` within the set and at `real` on disk."""
        pending: list[_Folder | tuple[str, Names]] = [_Folder(path, real)]
        links: dict[str, list[_Link]] = {}
        while pending:
            one = pending.pop()
            if not isinstance(one, _Folder):
                self.paths.extend(*one)
            elif one.real in self._entered:
                self.left_out["reached twice"] += 1
            else:
                self._entered.add(one.real)
                found = self._scanned(one, links.setdefault(one.path, [])).in_order()
                pending += reversed([*self._parts(one, found)])
        self.links += [link for folder in sorted(links, key=_turn, reverse=True) for link in sorted(links[folder])]

    def _scanned(self, folder: _Folder, links: list[_Link]) -> GrowingNames:
        """The names of the pictures, and of the folders with a "/" at the end."""
        found, prefix = GrowingNames(), f"{folder.real}{os.sep}"
        for entry in _entries(self.root / as_native(folder.path)):
            name = as_utf8(entry.name)  # classes are named by folders, under every locale the same
            if entry.name[0] == ".":
                self.left_out["hidden"] += 1
            elif entry.is_file(follow_symlinks=False):
                if self._is_taken(name, bool(self._linked) and prefix + entry.name in self._linked):
                    found.add(name)
            elif entry.is_symlink():
                links.append(_Link(folder.path, name, prefix + entry.name))
            elif entry.is_dir():
                found.add(f"{name}/")
            else:
                self.left_out["no regular file"] += 1
        return found

    def _is_taken(self, name: str, is_in: bool) -> bool:
        """Whether a file is a picture that is not in the set yet; else it is counted."""
        if is_picture(name) and not is_in:
            return True
        self.left_out["reached twice" if is_picture(name) else suffix_of(name)] += 1
        return False

    def _is_in(self, real: str) -> bool:
        """Whether a picture is in the set already. Of the folders that were entered, all pictures are."""
        around, name = os.path.split(real)
        listed = around in self._entered and is_picture(name) and not name.startswith(".")
        return listed or real in self._linked

    def _parts(self, folder: _Folder, found: Names) -> Iterator[_Folder | tuple[str, Names]]:
        """The folder's contents in order: names of files, and folders between them."""
        last = np.frombuffer(found.names, np.uint8)[found.ends[1:] - 1] if len(found) else np.empty(0, np.uint8)
        start = 0
        for place in np.flatnonzero(last == ord("/")).tolist():
            if start < place:
                yield folder.path, found.part(start, place)
            name = found.text(place)[:-1]
            inside = f"{folder.path}/{name}" if folder.path else name
            self.folders.append(inside)
            yield _Folder(inside, f"{folder.real}{os.sep}{as_native(name)}")
            start = place + 1
        if start < len(found):
            yield folder.path, found.part(start, len(found))

    def follow(self, folder: str, name: str, place: str) -> None:
        path = f"{folder}/{name}" if folder else name
        try:
            mode = os.stat(place).st_mode  # noqa: PTH116
        except OSError:
            if any(guess_type(name)) and not is_picture(name):  # notes.txt, but not the folder "v1.2"
                self.left_out[suffix_of(name)] += 1
            else:  # a picture, or a folder of pictures: unknown
                self.paths.add(folder, name)
            return
        real = os.path.realpath(place)
        if stat.S_ISDIR(mode):
            self.folders.append(path)
            self.enter(path, real)
        elif not stat.S_ISREG(mode):
            self.left_out["no regular file"] += 1
        elif self._is_taken(name, self._is_in(real)):
            self._linked.add(real)
            self.paths.add(folder, name)


def _turn(folder: str) -> list[tuple[int, str]]:
    """Sorts folders, in reverse, in the order in which their links are followed: it decides by which a file is known."""
    return [*((0, part) for part in folder.split("/") if part), (1, "")]


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise DataCorrupt(
            f"The folder {folder} cannot be listed ({error.strerror or error}), so its pictures would be left out. "
            "Make it readable, or move it away."
        ) from error
