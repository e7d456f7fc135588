"""Where official files are looked for, and what is said when they are not there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from kelbo.errors import DataMissing


def data_root(root: Path | str | None = None) -> Path:
    """The folder of data sets: `root` where given, else the environment variable KELBO_DATA, else ./data."""
    return Path(root or os.environ.get("KELBO_DATA") or "data")


def missing(name: str, wanted: str, looked: Iterable[Path], lacking: Sequence[str] = ()) -> DataMissing:
    """The error for a data set whose files are not there.

    name: the data set. wanted: its official files in words. looked: the places searched. lacking: what was absent where
    some files were found and others not.
    """
    places = ", ".join(str(place) for place in looked)
    some = f" Some were found, but not {', '.join(lacking)}." if lacking else ""
    return DataMissing(
        f"{name} was not found: looked for {wanted} in {places}.{some} Put the official files into one of these, "
        "or name the folder that holds them with --data-root or the environment variable KELBO_DATA."
    )
