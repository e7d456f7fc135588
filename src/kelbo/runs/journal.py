"""A run's scalars: one JSON object a line, appended while it trains."""

from __future__ import annotations

import json
import math
import os
from array import array
from collections.abc import Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = dict[str, float | int | None]

PROBED, TRAINED = 64, 256
"""test images whose error σ is compared with, and training images whose error a σ that is solved for is read on"""

BLOCK = 4096
"""bytes that are read first from the end of a journal: a few rows"""


def followed(splits: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    """How many test and training images a run's rows are read on, from the splits in its provenance."""
    return min(PROBED, splits["test"]["images"]), min(TRAINED, splits["train"]["images"])


class Journal:
    """The rows of `path`, by rising steps. Every row has a "step"; a value that is not finite is written as null.

    What is no row (a line torn by a crash) is left out of everything that is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Mapping[str, float | int | None]) -> None:
        """Add one row and flush it."""
        clean = {key: value if value is None or math.isfinite(value) else None for key, value in row.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(clean) + "\n")

    def __iter__(self) -> Iterator[Row]:
        """Every row, oldest first, one at a time: a long run has hundreds of thousands."""
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from filter(None, map(_row, file))

    def rows(self) -> list[Row]:
        """All rows, oldest first."""
        return list(self)

    def columns(self, last: int) -> dict[str, NDArray[np.float64]]:
        """Each quantity of the rows up to step `last`, their "step" too: (T,), NaN if a row has no value."""
        found: dict[str, array[float]] = {}
        count = 0
        for row in self:
            if (row["step"] or 0) > last:
                continue
            for name, value in row.items():
                if (column := found.get(name)) is None:
                    column = found[name] = array("d")
                column.extend(repeat(math.nan, count - len(column)))
                column.append(math.nan if value is None else value)
            count += 1
        for column in found.values():
            column.extend(repeat(math.nan, count - len(column)))
        return {name: np.array(column) for name, column in found.items()}

    def last(self) -> Row:
        """The newest row; empty if there is none. Only the end of the file is read."""
        return next((row for row, _ in self._backwards()), {})

    def cut_after(self, step: int) -> None:
        """Drop the rows later than `step`: a resumed run writes them again. Only these and the row before are read."""
        if not self.path.exists():
            return
        end = next((end for row, end in self._backwards() if (row["step"] or 0) <= step), None)
        with self.path.open("rb+") as file:
            if end is not None:
                file.seek(end)
                file.write(b"\n")  # a crash may have torn it off
            file.truncate()
            os.fsync(file.fileno())

    def _backwards(self) -> Iterator[tuple[Row, int]]:
        """Each row, newest first, with the place in the file, in bytes, where its line ends (before the line feed)."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            place = end = file.seek(0, os.SEEK_END)
            size, rest = BLOCK, b""
            while place > 0:
                start = max(0, place - size)
                file.seek(start)
                rest, *lines = (file.read(place - start) + rest).split(b"\n")
                place, size = start, 2 * size
                for line in reversed(lines):
                    if row := _row(line):
                        yield row, end
                    end -= len(line) + 1
            if row := _row(rest):
                yield row, end


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line.decode(errors="replace"))
    except (ValueError, RecursionError):  # a foreign file may nest without end
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None
