"""Checks of the arrays that all scores take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kelbo.errors import ScoreError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def finite_table(name: str, table: np.ndarray, least: int = 2) -> Floats:
    """A float64 table (N, K). Raises ScoreError if it has another rank, no columns, fewer than `least` rows, NaN or ∞."""
    table = np.asarray(table)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ScoreError(f"{name} must be a table (N, K), one row an example; got shape {table.shape}.")
    if not (np.issubdtype(table.dtype, np.floating) or np.issubdtype(table.dtype, np.integer)):
        raise ScoreError(f"{name} must be numbers; got {table.dtype}.")
    if len(table) < least:
        raise ScoreError(f"{name} must have at least {least:,} rows; got {len(table):,}. Encode more images.")
    table = table.astype(np.float64, copy=False)
    broken = ~np.isfinite(table)
    if broken.any():
        row, column = np.argwhere(broken)[0]
        raise ScoreError(
            f"{name} has {int(broken.sum()):,} values that are not finite; the first, {table[row, column]}, is in row {row}, "
            f"column {column}. Leave such rows out, or find out why the model gives them (`kelbo doctor`)."
        )
    return table


def codes_and_factors(codes: np.ndarray, factors: np.ndarray, least: int = 2) -> tuple[Floats, Ints]:
    """Codes (N, K) as float64 and factors (N, F) as ranks 0 … S_f-1 of their values, int64.

    Raises ScoreError if the tables differ in length, codes are not finite, factors are not whole numbers, or a factor is
    constant: no score exists for a factor that does not vary.
    """
    codes, values = finite_table("codes", codes, least), _whole_numbers(factors)
    if len(codes) != len(values):
        raise ScoreError(
            f"codes and factors must belong to the same images; got {len(codes):,} and {len(values):,} rows."
        )
    ranks = np.empty(values.shape, np.int64)
    for column, numbers in enumerate(values.T):
        distinct, ranks[:, column] = _ranked(numbers)
        if len(distinct) == 1:
            raise ScoreError(
                f"Factor {column} is {distinct[0]} in all {len(values):,} rows, and no score exists for a constant factor. "
                "Leave that column out, or take images in which it varies."
            )
    return codes, ranks


def _whole_numbers(factors: np.ndarray) -> Ints:
    factors = np.asarray(factors)
    if factors.ndim == 2 and factors.size and len(factors) > 1 and np.issubdtype(factors.dtype, np.integer):
        return factors.astype(np.int64, copy=False)
    values = finite_table("factors", factors)
    if np.abs(values).max() > 2**53:
        raise ScoreError(
            f"factors must be indices of values; {np.abs(values).max():.3g} is too large to be an exact integer."
        )
    if (values != np.rint(values)).any():
        column = int((values != np.rint(values)).any(0).argmax())
        raise ScoreError(f"factors must be whole numbers (indices of values); column {column} has fractions.")
    return values.astype(np.int64)


def _ranked(numbers: Ints) -> tuple[Ints, Ints]:
    """The distinct values in order, and each number's rank among them; by counting if the values lie close together."""
    least, most = int(numbers.min()), int(numbers.max())
    if most - least > 10_000:
        distinct, ranks = np.unique(numbers, return_inverse=True)
        return distinct, ranks
    present = np.bincount(numbers - least) > 0
    return np.flatnonzero(present) + least, (np.cumsum(present) - 1)[numbers - least]


def names_of(factors: np.ndarray, names: Sequence[str] | None) -> list[str]:
    """The factors' names; "factor 0", … if names is None. Raises ScoreError if their number is not F."""
    count = factors.shape[1]
    if names is None:
        return [f"factor {column}" for column in range(count)]
    if len(names) != count:
        raise ScoreError(f"There are {count} factors and {len(names)} names: {', '.join(names)}.")
    return list(names)
