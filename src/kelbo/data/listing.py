"""Which files of a folder are pictures, and how many others there are, so that nothing is left out silently."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from mimetypes import guess_type
from pathlib import Path, PurePosixPath

from kelbo.data.encoded_pictures import EncodedPicture, from_file
from kelbo.data.formats import is_picture
from kelbo.errors import DataCorrupt
from kelbo.names import as_utf8
from kelbo.units import counted


@dataclass(frozen=True)
class Listing:
    """Pictures sorted by their paths, all folders' paths (parted by "/"), and how many files were left out, by kind."""

    pictures: list[EncodedPicture]
    folders: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def used_and_left_out(used: Iterable[str], left_out: Mapping[str, int]) -> str:
    """Text for a set's note: "46 pictures used (40 .tif, 6 .png), 3 files left out (2 .txt, 1 hidden)".

    used: the pictures' names. left_out: how many files of each kind.
    """
    kinds = Counter(suffix_of(name) for name in used)
    total = sum(left_out.values())
    rest = f"{counted(total, 'file')} left out ({_counts(left_out)})" if total else "no file left out"
    return f"{counted(kinds.total(), 'picture')} used ({_counts(kinds)}), {rest}" if kinds else rest


def _counts(kinds: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count:,} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])) if count
    )


def suffix_of(name: str) -> str:
    return PurePosixPath(name).suffix.lower() or "without a suffix"


def listed(root: Path) -> Listing:
    """The pictures in a folder and its sub-folders.

    Links are followed; a file that can be reached in several ways is read once, at its own place if that is within the
    folder. Hidden files and folders and files of other kinds are left out and counted. A broken link is counted if its
    suffix is known and not a picture's; else it is listed, and refused when it is read.

    Raises DataCorrupt, naming the folder, if one cannot be listed.
    """
    walk = _Walk()
    walk.enter(root, "", os.path.realpath(root))
    while walk.links:  # after everything else, so that files within the folder keep their own place
        file, path = walk.links.pop(0)
        walk.follow(file, path)
    pictures = [from_file(walk.files[path], path) for path in sorted(walk.files)]
    return Listing(pictures, tuple(sorted(walk.folders)), dict(walk.left_out))


class _Walk:
    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.folders: list[str] = []
        self.links: list[tuple[Path, str]] = []
        self.left_out: Counter[str] = Counter()
        self._seen: set[str] = set()

    def enter(self, folder: Path, path: str, real: str) -> None:
        """Add a folder that is at `path` within the set and at `real` on disk."""
        pending = [(folder, path, real)]
        while pending:
            folder, path, real = pending.pop()
            if real in self._seen:
                self.left_out["reached twice"] += 1
                continue
            self._seen.add(real)
            for entry in _entries(folder):
                name = as_utf8(entry.name)  # classes are named by folders, under every locale the same
                inside = f"{path}/{name}" if path else name
                if entry.name.startswith("."):
                    self.left_out["hidden"] += 1
                elif entry.is_symlink():
                    self.links.append((Path(entry.path), inside))
                elif entry.is_dir():
                    self.folders.append(inside)
                    pending.append((Path(entry.path), inside, f"{real}{os.sep}{entry.name}"))
                else:
                    self._take(Path(entry.path), inside, f"{real}{os.sep}{entry.name}", entry.is_file())

    def follow(self, link: Path, path: str) -> None:
        real = os.path.realpath(link)
        if link.is_dir():
            self.folders.append(path)
            self.enter(link, path, real)
        elif link.exists():
            self._take(link, path, real, link.is_file())
        elif any(guess_type(link.name)) and not is_picture(link.name):  # notes.txt, but not the folder "v1.2"
            self.left_out[suffix_of(link.name)] += 1
        else:  # a picture, or a folder of pictures: unknown
            self.files[path] = link

    def _take(self, file: Path, path: str, real: str, is_file: bool) -> None:
        if not is_file:
            self.left_out["no regular file"] += 1
        elif not is_picture(file.name):
            self.left_out[suffix_of(file.name)] += 1
        elif real in self._seen:
            self.left_out["reached twice"] += 1
        else:
            self._seen.add(real)
            self.files[path] = file


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataCorrupt(
            f"The folder {folder} cannot be listed ({error.strerror or error}), so its pictures would be left out. "
            "Make it readable, or move it away."
        ) from error
