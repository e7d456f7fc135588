"""Cells and notes of the β-VAE study's tables."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kelbo.reports.beta_vae import numbers as n
from kelbo.reports.beta_vae.printed import Printed
from kelbo.reports.beta_vae.results import Study
from kelbo.reports.cells import Cell
from kelbo.reports.claims import sentence
from kelbo.reports.numbers import NONE, fixed

OF_PERCENT = 1
"""Decimals of a score in percent."""


def scored(values: Iterable[float], printed: Printed | None) -> Cell:
    """Mean ± standard deviation of shares in percent, above what the study prints."""
    x = 100 * np.array(list(values), np.float64)
    notes = (f"printed {printed}",) if printed else ()
    if not len(x):
        return Cell(notes=notes)
    error = fixed(float(x.std(ddof=1)), OF_PERCENT) if len(x) > 1 else NONE
    return Cell(fixed(float(x.mean()), OF_PERCENT), error, notes)


def absent(study: Study, group: n.Group) -> str:
    """Why a sweep has no numbers, as a sentence; "" where it has a finished lane."""
    return "" if n.lanes(study, group) else sentence(n.absence(study, group))
