"""Confidence intervals of scores, from independent replicates or from half samples of one table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kelbo.errors import ScoreError


class Score(NamedTuple):
    """A number, the ends of its central 95 % interval, and the number of replicates.

    low and high are NaN if there is a single replicate, or if all replicates are equal: then the spread is unknown.
    """

    value: float
    low: float
    high: float
    replicates: int

    def within(self, least: float, most: float) -> Score:
        """The score with the ends of its interval clipped; NaN stays NaN."""
        low, high = (float(np.clip(end, least, most)) for end in (self.low, self.high))
        return self._replace(low=low, high=high)

    def as_json(self) -> dict[str, Any]:
        """The ends are None if there is no interval."""
        ends = {"low": finite_or_none(self.low), "high": finite_or_none(self.high)}
        return {"value": float(self.value), **ends, "replicates": self.replicates}


def finite_or_none(value: float | None) -> float | None:
    """A number for a JSON record: None in place of None, NaN and ±∞, which JSON lacks."""
    return None if value is None or not math.isfinite(value) else float(value)


def margin(error: float, count: int, level: float = 0.95) -> float:
    """Half the width of the t interval of a mean of `count` examples with standard error `error`.

    NaN if there is no interval: fewer than 2 examples, or an error that is 0 (all are equal) or not finite.
    """
    if count < 2 or not 0 < error < math.inf:
        return math.nan
    from scipy.special import stdtrit  # here, since training needs none of SciPy; scipy.stats would take 50 MB more

    return float(stdtrit(count - 1, (1 + level) / 2) * error)


def _deviation(values: np.ndarray) -> float:
    """The standard deviation, divided by N - 1; exactly 0 if values differ only by rounding."""
    spread, size = float(np.ptp(values)), float(np.abs(values).max())
    return 0.0 if spread <= 1e-12 * size else float(values.std(ddof=1))


def of_replicates(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Score:
    """The mean of independent replicates of a score (other pairs, other points, other seeds) and its t interval.

    The interval is NaN for a single replicate, and if all replicates are equal. Raises ScoreError if there are no values.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ScoreError(f"values must be a non-empty list of numbers; got shape {values.shape}.")
    mean, count = float(values.mean()), len(values)
    if count == 1:
        return Score(mean, float("nan"), float("nan"), 1)
    half = margin(_deviation(values) / math.sqrt(count), count, level)
    return Score(mean, mean - half, mean + half, count)


def by_half_samples(
    statistic: Callable[[NDArray[np.int64]], float],
    size: int,
    *,
    replicates: int = 20,
    seed: int = 0,
    level: float = 0.95,
) -> Score:
    """A statistic of all `size` rows, with an interval from random halves of them (see `of_halves`).

    statistic takes row numbers (int64, sorted). Raises ScoreError if there are fewer than 4 rows or 2 replicates.
    """
    halves = [statistic(rows) for rows in half_samples(size, replicates, seed)]
    return of_halves(statistic(np.arange(size)), halves, size, level)


def half_samples(size: int, replicates: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """Random halves of 0 … size-1, sorted. Raises ScoreError if there are fewer than 4 rows or 2 replicates."""
    if size < 4 or replicates < 2:
        raise ScoreError(
            f"Half samples need at least 4 rows and 2 replicates; got {size} rows and {replicates} replicates."
        )
    rng = np.random.default_rng(seed)
    return [np.sort(rng.permutation(size)[: size // 2]) for _ in range(replicates)]


def of_halves(value: float, halves: Sequence[float], size: int, level: float = 0.95) -> Score:
    """The interval around a statistic's `value` of all `size` rows, from its values on random halves of them.

    The spread of a statistic over halves drawn without replacement equals, to first order, its spread over new data (the
    delete-half jackknife: Shao and Wu, 1989, Annals of Statistics 17(3)). A bootstrap would repeat rows, which flatters
    nearest neighbours and puts the same row into training and test. The interval is NaN if all halves are equal.
    """
    # the jackknife's factor (n - d) / d is 1 for halves, and close to 1 for an odd number of rows
    scale = math.sqrt((size // 2) / (size - size // 2))
    half = margin(_deviation(np.asarray(halves, np.float64)) * scale, len(halves), level)
    return Score(value, value - half, value + half, len(halves))
