"""How sure a score is: intervals by fresh draws, and by half samples of what there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # not scipy.stats, which every process would pay 50 MB for

from kelbo.errors import ScoreError


class Score(NamedTuple):
    """One number, the ends of its central 95 % interval, and from how many replicates that was told.

    low and high are NaN where there was no more than one replicate.
    """

    value: float
    low: float
    high: float
    replicates: int


def known(value: float | None) -> float | None:
    """A number as a record holds it: None for None, NaN and ±∞, which JSON does not have."""
    return None if value is None or not math.isfinite(value) else float(value)


def of_replicates(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Score:
    """The mean of independent replicates of a score (other pairs, other points, other seeds) and its t interval."""
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ScoreError(f"Replicates must be a non-empty list of numbers; got shape {values.shape}.")
    mean, count = float(values.mean()), len(values)
    if count == 1:
        return Score(mean, float("nan"), float("nan"), 1)
    margin = float(stdtrit(count - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(count))
    return Score(mean, mean - margin, mean + margin, count)


def by_half_samples(
    statistic: Callable[[NDArray[np.int64]], float],
    size: int,
    *,
    replicates: int = 20,
    seed: int = 0,
    level: float = 0.95,
) -> Score:
    """A statistic of all `size` rows, with the interval that random halves of them tell (see `of_halves`).

    statistic takes row numbers (int64, sorted). ScoreError where there are fewer than 4 rows or 2 replicates.
    """
    halves = [statistic(rows) for rows in half_samples(size, replicates, seed)]
    return of_halves(statistic(np.arange(size)), halves, size, level)


def half_samples(size: int, replicates: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """Random halves of 0 … size-1, sorted. ScoreError where there are fewer than 4 rows or 2 replicates."""
    if size < 4 or replicates < 2:
        raise ScoreError(
            f"Half samples need at least 4 rows and 2 replicates; got {size} rows, {replicates} replicates."
        )
    rng = np.random.default_rng(seed)
    return [np.sort(rng.permutation(size)[: size // 2]) for _ in range(replicates)]


def of_halves(value: float, halves: Sequence[float], size: int, level: float = 0.95) -> Score:
    """The interval around a statistic's `value` of all `size` rows, from its values on random halves of them.

    The spread of a statistic over halves drawn without replacement is that of the whole over new data, to first order (the
    delete-half jackknife: Shao and Wu, 1989, Annals of Statistics 17(3)). A bootstrap would repeat rows, which flatters
    nearest neighbours and puts the same row into training and test.
    """
    # (n - d) / d of the rows left out over those kept is 1 for halves, and close to it for an odd number of rows
    scale = np.sqrt((size // 2) / (size - size // 2))
    margin = float(stdtrit(len(halves) - 1, (1 + level) / 2) * np.std(halves, ddof=1) * scale)
    return Score(value, value - margin, value + margin, len(halves))
