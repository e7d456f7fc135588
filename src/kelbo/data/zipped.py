"""Pictures in a zip archive from a stranger: read from its stream, one at a time, and never unpacked to disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from kelbo.data.pictures import MOST_BYTES, SUFFIXES, Picture, Unreadable
from kelbo.errors import DataCorrupt

METHODS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
)  # of the others, a few bytes become gigabytes before a limit is seen
ENCRYPTED = 0x1


@contextmanager
def zipped(archive: Path) -> Iterator[dict[str, Picture]]:
    """The pictures of an archive by their names in it, sorted; they can be read while the block lasts.

    Names are parted by "/", also where the archive parts them by a backslash. Hidden files, `__MACOSX` and files of other
    kinds are passed over. Raises DataCorrupt where the archive is damaged, holds one name twice, or a picture's name leads
    out of it.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except Exception as error:  # a damaged archive may fail in any way
        raise DataCorrupt(f"{archive} is no readable zip archive ({error}): it is cut off or damaged.") from error
    with opened:
        pictures: dict[str, Picture] = {}
        for member in sorted(opened.infolist(), key=lambda member: member.filename):
            if not _is_picture(archive, member):
                continue
            name = PureWindowsPath(member.filename).as_posix()
            if name in pictures:
                raise DataCorrupt(f"{archive} holds {name!r} twice. Make the archive anew.")
            pictures[name] = _picture(archive, opened, member)
        yield pictures


def folders_of(archive: Path) -> set[str]:
    """The folders that the archive's names tell of, whether or not they have entries of their own; hidden ones not."""
    with zipfile.ZipFile(archive) as opened:
        names = [(PureWindowsPath(member.filename), member.is_dir()) for member in opened.infolist()]
    folders = {parent for path, is_folder in names for parent in (*path.parents, *([path] if is_folder else []))}
    return {path.as_posix() for path in folders if path.parts and not _is_hidden(path)}


def _is_hidden(path: PureWindowsPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _is_picture(archive: Path, member: zipfile.ZipInfo) -> bool:
    path = PureWindowsPath(member.filename)  # takes both kinds of slashes, and knows drives
    if member.is_dir() or path.suffix.lower() not in SUFFIXES:
        return False
    if ".." in path.parts or path.anchor:
        raise DataCorrupt(
            f"{archive} holds {member.filename!r}, a name that leads out of the archive. Nothing was read; "
            "use an archive that you trust."
        )
    return not _is_hidden(path)


def _picture(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Picture:
    name = f"{archive}/{member.filename}"
    stamp = (str(archive.absolute()), member.filename, member.file_size, member.CRC)
    return Picture(name, stamp, lambda: _read(name, opened, member))


def _read(name: str, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The member's bytes, of which no more are ever made than it declares."""
    if member.flag_bits & ENCRYPTED:
        raise Unreadable(f"{name} is encrypted. Unpack the archive with its password and name the folder.")
    if member.compress_type not in METHODS:
        raise Unreadable(f"{name} is compressed by method {member.compress_type}. Make a zip that stores or deflates.")
    if member.file_size > MOST_BYTES:
        raise Unreadable(f"{name} claims {member.file_size:,} bytes; pictures of up to {MOST_BYTES:,} are read.")
    try:
        with opened.open(member) as stream:
            return stream.read(member.file_size + 1)  # a number, since without one a whole bomb goes off at once
    except Exception as error:  # a damaged member may fail in any way
        raise Unreadable(f"{name} cannot be read from the archive ({error}). Make the archive anew.") from error
