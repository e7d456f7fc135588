"""Pictures in an untrusted zip archive: read from its stream, one at a time, and never unpacked to disk."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from kelbo.data.encoded_pictures import MOST_BYTES, EncodedPicture, EncodedPictures, PictureStore, Refused, Stamp
from kelbo.data.formats import is_picture
from kelbo.data.listing import Listing, suffix_of
from kelbo.data.paths import Paths
from kelbo.errors import DataCorrupt
from kelbo.shortage import raise_shortage

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""with others a few bytes become gigabytes before a limit is noticed"""
ENCRYPTED = 0x1


@contextmanager
def zipped(archive: Path) -> Iterator[Listing]:
    """The pictures of an archive, sorted by their paths in it; they can be read inside the block.

    Path parts are separated by "/", even if the archive uses backslashes. Hidden files, `__MACOSX` and files of other
    kinds are left out and counted. Raises DataCorrupt if the archive is damaged, holds one name twice, or a picture's
    name leads out of it.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except Exception as error:  # a damaged archive may fail in any way
        raise_shortage(error, f"reading {archive}")
        raise DataCorrupt(f"{archive} is not a readable zip archive ({error}): it is cut off or damaged.") from error
    with opened:
        found, folders, left_out = _sorted_out(archive, opened)
        names = sorted(found)
        members = _Members(archive, opened, [found[name] for name in names])
        yield Listing(EncodedPictures(members, Paths.of(names)), tuple(sorted(folders)), dict(left_out))


class _Members(PictureStore):
    """Pictures in an archive, by their places in a list."""

    def __init__(self, archive: Path, opened: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
        self.archive, self.opened, self.members = archive, opened, members

    def picture(self, place: int, path: str) -> EncodedPicture:
        member = self.members[place]
        name = f"{self.archive}/{member.filename}"
        return EncodedPicture(name, lambda: _read(name, self.opened, member), path)

    def stamps(self, paths: Paths) -> Iterator[Stamp]:
        """Each picture's size and checksum."""
        archive = str(self.archive.absolute())
        for place in paths.places_of_all().tolist():
            member = self.members[place]
            yield archive, member.filename, member.file_size, member.CRC


class _Around(NamedTuple):
    """A folder of an archive. path: parted by "/", "" for none. folders: it and those around it that are not hidden."""

    path: str
    folders: tuple[str, ...]
    is_hidden: bool
    leads_out: bool


def _sorted_out(archive: Path, opened: zipfile.ZipFile) -> tuple[dict[str, zipfile.ZipInfo], set[str], Counter[str]]:
    """The pictures by their paths, all folders' paths, and how many members are left out, by kind."""
    pictures: dict[str, zipfile.ZipInfo] = {}
    around: dict[str, _Around] = {}  # a folder's path is taken apart once, not for each of its pictures
    left_out: Counter[str] = Counter()
    for member in sorted(opened.infolist(), key=lambda member: member.filename):
        place, name = _parted(member.filename)
        folder = around.get(place) or around.setdefault(place, _around(PureWindowsPath(place)))
        if member.is_dir():
            continue
        if not is_picture(name):
            left_out[suffix_of(name)] += 1
        elif folder.is_hidden or _is_hidden(name):
            left_out["hidden"] += 1
        elif folder.leads_out:
            raise DataCorrupt(
                f"{archive} holds {member.filename!r}, a name that leads out of the archive. Nothing was read; "
                "use an archive that you trust."
            )
        elif (path := f"{folder.path}/{name}" if folder.path else name) in pictures:
            raise DataCorrupt(f"{archive} holds {path!r} twice. Make the archive again.")
        else:
            pictures[path] = member
    return pictures, {path for folder in around.values() for path in folder.folders}, left_out


def _parted(filename: str) -> tuple[str, str]:
    """A member's folder and name."""
    if "\\" in filename or ":" in filename:  # of Windows
        path = PureWindowsPath(filename)
        return (filename, "") if filename.endswith("/") else (str(path.parent), path.name)
    cut = filename.rfind("/") + 1
    return filename[:cut], filename[cut:]


def _around(folder: PureWindowsPath) -> _Around:
    """folder: of Windows, since that accepts both kinds of slashes, and drives."""
    shown = [one.as_posix() for one in (folder, *folder.parents) if one.parts and not any(map(_is_hidden, one.parts))]
    path = folder.as_posix() if folder.parts else ""
    leads_out = ".." in folder.parts or bool(folder.anchor)
    return _Around(path, tuple(shown), any(map(_is_hidden, folder.parts)), leads_out)


def _is_hidden(part: str) -> bool:
    return (part.startswith(".") and part != "..") or part == "__MACOSX"


def _read(name: str, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The member's bytes; never more than it declares are unpacked."""
    if member.flag_bits & ENCRYPTED:
        raise Refused(f"{name} is encrypted. Unpack the archive with its password and name the folder.")
    if member.compress_type not in METHODS:
        raise Refused(f"{name} is compressed by method {member.compress_type}. Make a zip that stores or deflates.")
    if member.file_size > MOST_BYTES:
        raise Refused(f"{name} claims {member.file_size:,} bytes; pictures of up to {MOST_BYTES:,} are read.")
    try:
        with opened.open(member) as stream:
            return stream.read(member.file_size + 1)  # limited, for a zip bomb would be unpacked completely
    except Exception as error:  # a damaged member may fail in any way
        raise_shortage(error, f"reading {name}")
        raise Refused(f"{name} cannot be read from the archive ({error}). Make the archive again.") from error
