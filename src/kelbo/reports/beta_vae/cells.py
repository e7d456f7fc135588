"""What the β-VAE study's tables are made of: our number, the printed one below, a mark where both should be the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kelbo.reports.beta_vae import numbers as n
from kelbo.reports.beta_vae.printed import Printed
from kelbo.reports.beta_vae.results import Study
from kelbo.reports.claims import sentence
from kelbo.reports.numbers import fixed, plain, with_error

OF_PERCENT = 1
"""Decimals of a score in percent."""


@dataclass(frozen=True)
class Cell:
    """error: a standard deviation over seeds, "" where there is none. notes: below, what the paper prints first. mark: of
    something that is not as printed."""

    value: str = "–"
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
    name: str
    title: str
    caption: str
    columns: list[str]
    groups: list[Group]


def scored(values: Iterable[float], printed: Printed | None) -> Cell:
    """Mean ± standard deviation of shares in percent, above what the study prints."""
    x = 100 * np.array(list(values), np.float64)
    notes = (f"printed {printed}",) if printed else ()
    if not len(x):
        return Cell(notes=notes)
    error = fixed(float(x.std(ddof=1)), OF_PERCENT) if len(x) > 1 else ""
    return Cell(fixed(float(x.mean()), OF_PERCENT), error, notes)


def with_deviation(values: Sequence[float]) -> tuple[str, str]:
    """Mean and standard deviation as words, the latter "" of one value."""
    if len(values) < 2:
        return (plain(values[0], 4) if values else "–"), ""
    return with_error(float(np.mean(values)), float(np.std(values, ddof=1)))


def absent(study: Study, group: n.Group) -> str:
    """Why a sweep has no numbers, as a sentence; "" where it has a finished lane."""
    return "" if n.lanes(study, group) else sentence(n.absence(study, group))


def some(*notes: str) -> tuple[str, ...]:
    """Those notes that say something."""
    return tuple(filter(None, notes))
