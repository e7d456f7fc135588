"""The folder of official files, and the error if they are absent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from kelbo.data.homes import HOMES
from kelbo.errors import DataMissing


def data_root(root: Path | str | None = None) -> Path:
    """The folder of data sets: `root` if given, else the environment variable KELBO_DATA, else ./data."""
    return Path(root or os.environ.get("KELBO_DATA") or "data")


def located(name: str, root: Path | str, places: Sequence[str], files: Sequence[str], page: str = "") -> Path:
    """The first of a data set's `files` in the folders `places` of `root`. DataMissing if there is none; page: of its home."""
    folders = [Path(root) / place for place in places]
    for path in (folder / file for folder in folders for file in files):
        if path.is_file():
            return path
    raise missing(name, " or ".join(files) + (f" (from {page})" if page else ""), folders)


def missing(name: str, wanted: str, looked: Iterable[Path], lacking: Sequence[str] = ()) -> DataMissing:
    """The error for a data set whose files are absent.

    name: the data set. wanted: a description of its official files. looked: the places searched. lacking: the absent
    files, if others were found.
    """
    places = ", ".join(str(place) for place in looked)
    some = f" Some were found, but not {', '.join(lacking)}." if lacking else ""
    return DataMissing(
        f"{name} was not found: looked for {wanted} in {places}.{some} {_way_to(name)} the official files into one of "
        "these, or name the folder that holds them: data.root, or the environment variable KELBO_DATA.",
        remedy=("data_root",),
    )


def _way_to(title: str) -> str:
    """How to get the set with this title: its public home is named; nothing is downloaded without being asked."""
    for source in HOMES.values():
        if source.title == title and source.fetchable:
            return f"Run `kelbo data fetch {source.name}` to download it, put"
        if source.title == title:
            return f"Get it from {source.page} (no program may) and put"
    return "Put"
