"""Names of files as text, and text as names of files, the same under every locale.

A name is bytes, which Python reads by the locale: the folder `größe`, made where the locale is UTF-8, has another name as text
where it is Latin-1. What is kept in files and compared is therefore the name's bytes read as UTF-8. If the locale is UTF-8,
the two are equal.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unicodedata import category
from urllib.parse import unquote_to_bytes

URI = "file://"

LONGEST = 240
"""bytes of a plain name: systems allow 255, and endings are added"""


def as_utf8(name: str) -> str:
    """A name as the locale reads it, as UTF-8 reads it. Bytes that are no UTF-8 are kept as lone surrogates."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "surrogateescape")


def as_native(text: str) -> str:
    """The inverse of `as_utf8`."""
    return text if text.isascii() else os.fsdecode(text.encode("utf-8", "surrogateescape"))


def text_of(path: Path) -> str:
    """A path as text that UTF-8 files can hold: the path itself, or a file:// URI if it has bytes that are no UTF-8."""
    text = as_utf8(str(path))
    return path.absolute().as_uri() if has_raw_bytes(text) else text


def path_of(text: str) -> Path:
    """The inverse of `text_of`."""
    if text.startswith(URI):
        return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(URI))))
    return Path(as_native(text))


@contextmanager
def openable(path: Path) -> Iterator[Path]:
    """Inside the block, a path to the same file for a library that only takes names in UTF-8. OSError if there is no file."""
    if not has_raw_bytes(as_utf8(str(path))):
        yield path
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield Path(f"/dev/fd/{descriptor}")
    finally:
        os.close(descriptor)


def plain(name: str) -> str:
    """The name itself if it names a folder or file within another folder under every system.

    ValueError for separators, "..", control characters and the like: a name that a stranger's file tells would lead elsewhere.
    """
    if not name.strip() or name != name.strip():
        raise ValueError("a name is needed, without blanks around it")
    if name.startswith("."):
        raise ValueError("a name cannot begin with a dot")
    if "/" in name or "\\" in name:
        raise ValueError("a name cannot hold / or \\: it is no path")
    if any(category(letter) == "Cc" for letter in name):
        raise ValueError("a name cannot hold control characters")
    if (size := len(name.encode("utf-8", "surrogateescape"))) > LONGEST:
        raise ValueError(f"a name can have {LONGEST} bytes, and this one has {size:,}")
    return name


def has_raw_bytes(text: str) -> bool:
    """Whether text has lone surrogates, which stand for bytes that are no UTF-8 and which no file of text can hold."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)
