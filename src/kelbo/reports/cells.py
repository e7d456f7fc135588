"""What a study's tables are made of: our number, the printed one below, and a mark if both should be equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kelbo.reports.numbers import NONE, plain, with_error


@dataclass(frozen=True)
class Cell:
    """error: a standard deviation over seeds, NONE for one seed, "" for a cell that can have none. notes: shown below, what the
    paper prints first. mark: for something that is not as printed, or a footnote."""

    value: str = NONE
    error: str = ""
    notes: tuple[str, ...] = ()
    mark: str = ""


@dataclass(frozen=True)
class Row:
    title: str
    cells: list[Cell]
    about: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under a heading; note: about all of them, or why they have no numbers."""

    title: str
    rows: list[Row]
    note: str = ""


@dataclass(frozen=True)
class StudyTable:
    """words: whether its cells hold words instead of numbers. wide: whether it has many columns, so that a deviation is written
    below its mean. footnotes: by mark."""

    name: str
    title: str
    caption: str
    columns: list[str]
    groups: list[Group]
    words: bool = False
    wide: bool = False
    footnotes: Mapping[str, str] = field(default_factory=dict)


def with_deviation(values: Sequence[float]) -> tuple[str, str]:
    """Mean and standard deviation as words; the deviation is NONE for one value, 0 if values differ only by rounding."""
    if not values:
        return NONE, ""
    mean = float(np.mean(values))
    if len(values) < 2:
        return with_error(mean, None)
    deviation = float(np.std(values, ddof=1))
    return with_error(mean, deviation) if deviation > 1e-9 * abs(mean) else (plain(mean, 4), "0")


def some(*notes: str) -> tuple[str, ...]:
    """The notes that are not empty."""
    return tuple(filter(None, notes))
