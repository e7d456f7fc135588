"""Numbers with central 95 % intervals over seeds: of one mean, of two, of a ratio of deviations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Key = TypeVar("Key")


class Estimate(NamedTuple):
    """A number with its central 95 % interval, None if there is none. how: the kind of interval, and of how many values."""

    value: float
    low: float | None
    high: float | None
    how: str


def student(values: Sequence[float] | Mapping[Any, float], of: str = "seeds") -> Estimate | None:
    """Mean of independent values with Student's interval; no interval of one value, None of none.

    of: what the values are over, in the plural. Of a mapping, its values are used.
    """
    x = np.array(list(values.values()) if isinstance(values, Mapping) else values, np.float64)
    if len(x) < 2:
        return Estimate(float(x[0]), None, None, f"One {of.removesuffix('s')}") if len(x) else None
    half = stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))
    return Estimate(float(x.mean()), float(x.mean() - half), float(x.mean() + half), f"Student, {len(x)} {of}")


def paired(first: Mapping[Key, float], second: Mapping[Key, float], of: str = "seeds") -> Estimate | None:
    """Mean of first − second over the keys of both, with Student's interval of the differences."""
    found = student([first[key] - second[key] for key in first if key in second], of)
    return None if found is None else found._replace(how=found.how.replace("Student", "Paired"))


def welch(first: Sequence[float], second: Sequence[float]) -> Estimate | None:
    """Difference of two independent means, first − second, with Welch's interval; None if one has no value."""
    a, b = np.array(first, np.float64), np.array(second, np.float64)
    if min(len(a), len(b)) == 0:
        return None
    how = f"Welch, {len(a)} and {len(b)} seeds"
    if min(len(a), len(b)) < 2:
        return Estimate(float(a.mean() - b.mean()), None, None, how)
    return _difference(_Mean.of(a), _Mean.of(b), how)


def difference(first: Mapping[Key, float], second: Mapping[Key, float]) -> Estimate | None:
    """first − second: paired by seed, Welch's if they have no two seeds in common; None if one has no number."""
    common = len(first.keys() & second.keys())
    if common and not (common < 2 and min(len(first), len(second)) > 1):
        return paired(first, second)
    return welch(list(first.values()), list(second.values()))


def against_printed(values: Sequence[float], mean: float, deviation: float, count: int) -> Estimate | None:
    """Our mean − the paper's, whose deviation is over `count` seeds: Welch's interval, of both sides' seeds."""
    x = np.array(values, np.float64)
    if len(x) < 2:
        return Estimate(float(x[0] - mean), None, None, "One seed of ours") if len(x) else None
    how = f"Welch, {len(x)} seeds of ours and {count} of theirs"
    return _difference(_Mean.of(x), _Mean(mean, deviation**2 / count, count), how)


def deviation_ratio(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> Estimate | None:
    """Standard deviation within groups of `first` over that of `second`, pooled, with the F distribution's interval.

    None if either has no group of two or more, or `second` does not vary.
    """
    (above, m), (below, n) = _pooled(first), _pooled(second)
    if min(m, n) == 0 or below == 0:
        return None
    ratio = above / below
    low, high = (math.sqrt(ratio / float(stats.f.ppf(p, m, n))) for p in (0.975, 0.025))
    return Estimate(math.sqrt(ratio), low, high, f"F, {m} and {n} degrees of freedom")


def ratio(values: Mapping[Any, float], over: float) -> Estimate | None:
    """Geometric mean of positive values over a number, with the interval of its logarithm; None without positive values."""
    logs = student({key: math.log(value / over) for key, value in values.items() if value > 0})
    return logs and exponential(logs)


def exponential(logs: Estimate) -> Estimate:
    """An estimate of a logarithm as one of the number itself."""
    low, high = (None if end is None else math.exp(end) for end in (logs.low, logs.high))
    return Estimate(math.exp(logs.value), low, high, logs.how)


class _Mean(NamedTuple):
    """A mean, the square of its standard error, and the number of its values."""

    value: float
    squared_error: float
    number: int

    @classmethod
    def of(cls, x: NDArray[np.float64]) -> _Mean:
        return cls(float(x.mean()), float(x.var(ddof=1)) / len(x), len(x))


def _difference(a: _Mean, b: _Mean, how: str) -> Estimate:
    """The difference of two independent means: Welch's interval, with Satterthwaite's degrees of freedom."""
    total, apart = a.squared_error + b.squared_error, a.value - b.value
    if total == 0:
        return Estimate(apart, apart, apart, how)
    freedom = total**2 / sum(part.squared_error**2 / (part.number - 1) for part in (a, b))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(total)
    return Estimate(apart, apart - half, apart + half, how)


def _pooled(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Variance within groups and its degrees of freedom."""
    arrays = [np.array(group, np.float64) for group in groups if len(group) > 1]
    freedom = sum(len(x) - 1 for x in arrays)
    return (float(sum(np.square(x - x.mean()).sum() for x in arrays)) / freedom if freedom else 0.0), freedom
