"""A run's scalars: one JSON object a line, appended while it trains."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kelbo.runs.writing import write_atomic

Row = dict[str, float | int | None]

PROBED, TRAINED = 64, 256
"""test images whose error σ is compared with, and training images whose error a σ that is solved for is read on"""


def followed(splits: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    """How many test and training images a run's rows are read on, from the splits in its provenance."""
    return min(PROBED, splits["test"]["images"]), min(TRAINED, splits["train"]["images"])


class Journal:
    """The rows of `path`. Every row has a "step"; a value that is not finite is written as null."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Mapping[str, float | int | None]) -> None:
        """Add one row and flush it."""
        clean = {key: value if value is None or math.isfinite(value) else None for key, value in row.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(clean) + "\n")

    def rows(self) -> list[Row]:
        """All complete rows, oldest first; what is no row (a line torn by a crash) is left out."""
        if not self.path.exists():
            return []
        rows = []
        for line in self.path.read_text(errors="replace").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
        return rows

    def last(self) -> Row:
        """The newest row; empty if there is none."""
        return next(reversed(self.rows()), {})

    def cut_after(self, step: int) -> None:
        """Drop the rows later than `step`: a resumed run writes them again."""
        kept = [row for row in self.rows() if (row["step"] or 0) <= step]
        write_atomic(self.path, "".join(json.dumps(row) + "\n" for row in kept))
