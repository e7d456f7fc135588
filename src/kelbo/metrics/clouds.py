"""Checks of the two feature tables that distances compare."""

from __future__ import annotations

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import finite_table


def two_clouds(
    first: np.ndarray, second: np.ndarray, names: tuple[str, str], least: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Two tables of features (N, d) and (M, d), of any number type, not copied.

    Raises ScoreError if one is not a table of at least `least` rows, holds NaN or ∞, or the numbers of columns differ.
    """
    first, second = (_table(name, table, least) for name, table in zip(names, (first, second), strict=True))
    if first.shape[1] != second.shape[1]:
        raise ScoreError(
            f"{names[0]} and {names[1]} must have equally many columns; got {first.shape[1]:,} and {second.shape[1]:,}. "
            "Take both from the same layer of the same network."
        )
    return first, second


def _table(name: str, table: np.ndarray, least: int) -> np.ndarray:
    table = np.asarray(table)
    sound = table.ndim == 2 and table.shape[1] > 0 and len(table) >= least and table.dtype.kind in "fiu"
    if not (sound and np.isfinite(table).all()):
        finite_table(name, table, least)  # raises the error that fits, at the price of a copy
    return table
