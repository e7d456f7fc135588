"""What a study's tables are made of: our number, the printed one below, a mark where both should be the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kelbo.reports.numbers import NONE, plain, with_error


@dataclass(frozen=True)
class Cell:
    """error: a standard deviation over seeds, NONE of one seed, "" of a cell that can have none. notes: below, what the paper
    prints first. mark: of something that is not as printed, or of a footnote."""

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
    """Rows under a heading; note: what is to be known of all, or why they have no numbers."""

    title: str
    rows: list[Row]
    note: str = ""


@dataclass(frozen=True)
class StudyTable:
    """words: whether its cells hold words rather than numbers. wide: whether it has many columns, so that a deviation goes
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
    """Mean and standard deviation as words, the latter NONE of one value, 0 of values that rounding alone tells apart."""
    if not values:
        return NONE, ""
    mean = float(np.mean(values))
    if len(values) < 2:
        return with_error(mean, None)
    deviation = float(np.std(values, ddof=1))
    return with_error(mean, deviation) if deviation > 1e-9 * abs(mean) else (plain(mean, 4), "0")


def some(*notes: str) -> tuple[str, ...]:
    """Those notes that say something."""
    return tuple(filter(None, notes))
