"""Pictures in an untrusted zip archive: read from its stream, one at a time, and never unpacked to disk."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from kelbo.data.encoded_pictures import MOST_BYTES, EncodedPicture, Refused
from kelbo.data.formats import is_picture
from kelbo.data.listing import Listing, suffix_of
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
        pictures: dict[str, EncodedPicture] = {}
        folders: set[str] = set()
        left_out: Counter[str] = Counter()
        for member in sorted(opened.infolist(), key=lambda member: member.filename):
            path = PureWindowsPath(member.filename)  # accepts both kinds of slashes, and drives
            around = [path, *path.parents] if member.is_dir() else [*path.parents]
            folders |= {folder.as_posix() for folder in around if folder.parts and not _is_hidden(folder)}
            if member.is_dir():
                continue
            if why := _left_out(path):
                left_out[why] += 1
                continue
            if ".." in path.parts or path.anchor:
                raise DataCorrupt(
                    f"{archive} holds {member.filename!r}, a name that leads out of the archive. Nothing was read; "
                    "use an archive that you trust."
                )
            name = path.as_posix()
            if name in pictures:
                raise DataCorrupt(f"{archive} holds {name!r} twice. Make the archive again.")
            pictures[name] = _picture(archive, opened, member, name)
        yield Listing([pictures[name] for name in sorted(pictures)], tuple(sorted(folders)), dict(left_out))


def _left_out(path: PureWindowsPath) -> str | None:
    """The kind under which a member that is not read is counted."""
    if not is_picture(path.name):
        return suffix_of(path.name)
    return "hidden" if _is_hidden(path) else None


def _is_hidden(path: PureWindowsPath) -> bool:
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in path.parts)


def _picture(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: str) -> EncodedPicture:
    name = f"{archive}/{member.filename}"
    stamp = (str(archive.absolute()), member.filename, member.file_size, member.CRC)
    return EncodedPicture(name, stamp, lambda: _read(name, opened, member), path)


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
