"""Paths of very many files in little memory: a million take some 25 MB, and 150 MB as strings."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, overload

import numpy as np

ENCODING = ("utf-8", "surrogatepass")
"""of names: bytes sort as the text does, even that of names that are no UTF-8 (see `kelbo.names`)"""
CHUNK, READ = 2**16, 2**12
"""names put in order and read at a time"""


class Names:
    """Names, one after the other in one blob. names: their bytes. ends: int64 (N + 1,), from 0, where each ends."""

    def __init__(self, names: bytes | bytearray | memoryview, ends: np.ndarray) -> None:
        self.names, self.ends = names, ends

    def __len__(self) -> int:
        return len(self.ends) - 1

    def encoded(self, place: int) -> bytes:
        return bytes(self.names[self.ends[place] : self.ends[place + 1]])

    def text(self, place: int) -> str:
        return self.encoded(place).decode(*ENCODING)

    def part(self, start: int, stop: int) -> Names:
        if (start, stop) == (0, len(self)):
            return self
        begin = int(self.ends[start])
        return Names(self.names[begin : int(self.ends[stop])], self.ends[start : stop + 1] - begin)


class GrowingNames:
    """Names that are added one at a time."""

    def __init__(self) -> None:
        self.names, self.ends = bytearray(), array("q", [0])

    def add(self, name: str) -> None:
        self.names += name.encode(*ENCODING)
        self.ends.append(len(self.names))

    def extend(self, more: Names) -> None:
        offset = len(self.names)
        for start in range(1, len(more.ends), CHUNK):
            self.ends.frombytes((more.ends[start : start + CHUNK] + offset).tobytes())
        self.names += more.names

    def done(self) -> Names:
        return Names(self.names, np.frombuffer(self.ends, np.int64))

    def in_order(self) -> Names:
        """The names sorted as text; none are left here, since there is not the memory to hold them three times."""
        found, self.names, self.ends = self.done(), bytearray(), array("q", [0])
        width = int(np.diff(found.ends).max(initial=1))
        if width * len(found) > 4 * len(found.names) + 2**24:  # a few long names: as a table they would be too large
            for row in sorted(map(found.encoded, range(len(found)))):
                self.names += row
                self.ends.append(len(self.names))
            return self.done()
        table = _table(found, width)
        names, ends = (
            np.empty(len(found.names), np.uint8),
            np.zeros(len(found) + 1, np.int64),
        )  # growing ones take far more
        del found
        table.view(f"S{width}").ravel().sort()
        for start in range(0, len(table), CHUNK):
            rows = table[start : start + CHUNK]
            inside = rows != 0  # no name holds the byte 0
            begin, part = ends[start], ends[start + 1 : start + 1 + len(rows)]
            np.cumsum(inside.sum(1), out=part)
            part += begin
            names[begin : part[-1]] = rows[inside]
        return Names(names.data, ends)


def _table(names: Names, width: int) -> np.ndarray:
    """The names' bytes as rows, filled up with zeros."""
    table, values = np.zeros((len(names), width), np.uint8), np.frombuffer(names.names, np.uint8)
    for start in range(0, len(names), CHUNK):
        ends = names.ends[start : start + CHUNK + 1]
        rows = table[start : start + CHUNK]
        rows[np.arange(width) < np.diff(ends)[:, None]] = values[ends[0] : ends[-1]]
    return table


class Paths(Sequence[str]):
    """Paths within a set ("cats/1.png"), in order; a subset shares their text.

    folders: paths of the folders, "" for none. folder: int32 (M,), which of them holds each file. names: of the M files.
    places: int64 (N,), which of the files these paths are; None for all. Slices and arrays of places give `Paths` again.
    """

    def __init__(self, folders: list[str], folder: np.ndarray, names: Names, places: np.ndarray | None = None) -> None:
        self.folders, self.folder, self.names, self.places = folders, folder, names, places

    @classmethod
    def of(cls, paths: Iterable[str]) -> Paths:
        """Of text, parted by "/"."""
        growing = GrowingPaths()
        for path in paths:
            around, _, name = path.rpartition("/")
            growing.add(around, name)
        return growing.done()

    def __len__(self) -> int:
        return len(self.names) if self.places is None else len(self.places)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice | np.ndarray) -> Paths: ...
    def __getitem__(self, index: int | slice | np.ndarray) -> str | Paths:
        if isinstance(index, slice | np.ndarray):
            return Paths(self.folders, self.folder, self.names, self.places_of_all()[index])
        place = self.place_of(index)
        name = self.names.text(place)
        around = self.folders[self.folder[place]]
        return f"{around}/{name}" if around else name

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(map(self._chunk, range(0, len(self), READ)))

    def _chunk(self, start: int, only_names: bool = False) -> list[str]:
        """Some of the paths: read together they take a third of the time."""
        stop = min(start + READ, len(self))
        places = np.arange(start, stop) if self.places is None else self.places[start:stop]
        begins, ends = self.names.ends[places].tolist(), self.names.ends[places + 1].tolist()
        blob = self.names.names
        names = [str(blob[begin:end], *ENCODING) for begin, end in zip(begins, ends, strict=True)]
        if only_names:
            return names
        around = [f"{self.folders[number]}/" if self.folders[number] else "" for number in self.folder[places].tolist()]
        return [*map(str.__add__, around, names)]

    def tolist(self) -> list[str]:
        return [*self]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The paths as an array of text (N,)."""
        return np.array(self.tolist(), np.str_ if dtype is None else dtype)

    def place_of(self, index: int) -> int:
        """Which of the M files a path is."""
        return range(len(self))[index] if self.places is None else int(self.places[index])

    def places_of_all(self) -> np.ndarray:
        """int64 (N,): which of the M files each path is."""
        return np.arange(len(self.names)) if self.places is None else self.places

    def folder_of_each(self) -> np.ndarray:
        """int32 (N,): the place in `folders` of the folder around each file."""
        return self.folder if self.places is None else self.folder[self.places]

    def file_names(self) -> Iterator[str]:
        """The files' own names, in order."""
        return chain.from_iterable(self._chunk(start, only_names=True) for start in range(0, len(self), READ))

    def in_order(self) -> Paths:
        """The same paths sorted as text."""
        return self[np.array(sorted(range(len(self)), key=self.tolist().__getitem__), np.int64)]


class GrowingPaths:
    """Paths that are added one or many at a time."""

    def __init__(self) -> None:
        self._folders: dict[str, int] = {}
        self._folder, self._names = array("i"), GrowingNames()
        self._parts: list[Names] = []
        """what came before the names that still grow"""

    def __len__(self) -> int:
        return len(self._folder)

    def add(self, folder: str, name: str) -> None:
        self._folder.append(self._folders.setdefault(folder, len(self._folders)))
        self._names.add(name)

    def extend(self, folder: str, names: Names) -> None:
        number = self._folders.setdefault(folder, len(self._folders))
        self._folder.frombytes(np.full(len(names), number, np.int32).tobytes())
        if len(names) < CHUNK:
            self._names.extend(names)
        else:  # they are not copied
            self._parts += [self._names.done(), names]
            self._names = GrowingNames()

    def done(self) -> Paths:
        parts = [part for part in (*self._parts, self._names.done()) if len(part)]
        self._parts.clear()
        return Paths([*self._folders], np.frombuffer(self._folder, np.int32), _joined(parts))


def _joined(parts: list[Names]) -> Names:
    """All names of these parts, of which none is left."""
    if len(parts) == 1:
        return parts[0]
    every = GrowingNames()
    while parts:
        every.extend(parts.pop(0))
    return every.done()
