"""Calibration of a decoder's distribution, from CDF values, variances and errors of pixels.

Values are (M,), or (N, D): N independent units (images) of D dependent values (pixels). Standard errors are computed over
units, or over values if they are (M,): pixels of one image are not independent, and treating them so gives too small an error.

Before a density over intensities is compared with 8-bit pixels, dequantise these (kelbo.units.dequantize): otherwise a sharp
decoder's histogram shows their grid of 1/255.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats

LEVELS = (0.5, 0.8, 0.9, 0.95)


class Uniformity(NamedTuple):
    """Distances of probability integral transforms from uniform; of a perfect decoder they differ from 0 by chance only.

    histogram           shares (bins,) of equal bins over [0, 1]; a U: overconfident, a hump: too wide, a slope: biased
    total_variation     ½ Σ |share - 1/bins|, in [0, 1): the mass that lies in the wrong bin
    chance              the expectation of total_variation for M independent uniform values
    kolmogorov_smirnov  the largest |share of values up to t - t| over t in [0, 1]
    wasserstein         the area between that share and t, in [0, ½]: the mean distance by which values are misplaced
    miscalibration_area the area between the coverage of central intervals and their level, in [0, ½] (Kuleshov et al.,
                        2018; Chung et al., 2021); 0 also for a biased decoder whose intervals have the right coverage
    """

    histogram: Floats
    total_variation: float
    chance: float
    kolmogorov_smirnov: float
    wasserstein: float
    miscalibration_area: float


class Coverage(NamedTuple):
    """Coverage of central intervals: levels, shares of pixels inside and their standard errors, each (L,)."""

    levels: Floats
    shares: Floats
    standard_errors: Floats


class VarianceBins(NamedTuple):
    """Predicted and observed squared error, in bins of rising predicted variance, each field (bins,).

    counts          number of values in the bin
    predicted       mean of the predicted variances
    observed        mean squared error of the predicted means
    ratio           observed / predicted: above 1 if the decoder is overconfident
    standard_error  of the ratio
    """

    counts: NDArray[np.int64]
    predicted: Floats
    observed: Floats
    ratio: Floats
    standard_error: Floats


def integral_transform(cdf: np.ndarray, below: np.ndarray | None = None, seed: int = 0) -> Floats:
    """Probability integral transforms u, float64, in the shape of `cdf`: uniform if the distribution is the true one.

    cdf:   P(X <= x) at the observed pixels (`Likelihood.cdf`)
    below: P(X < x) of a mass; u is then a uniform draw between the two (Smith, 1985; Czado et al., 2009). None for a density.
    Raises ScoreError if a number is not in [0, 1], or below is above cdf.
    """
    cdf = _probabilities("cdf", cdf)
    if below is None:
        return cdf
    below = _probabilities("below", below)
    if below.shape != cdf.shape:
        raise ScoreError(f"cdf and below must have the same shape; got {cdf.shape} and {below.shape}.")
    step = cdf - below
    if (step < -1e-6).any():
        raise ScoreError(
            f"below exceeds cdf by up to {-step.min():.3g}; P(X < x) is at most P(X <= x). Are the two swapped?"
        )
    return below + np.random.default_rng(seed).random(cdf.shape) * step.clip(min=0)


def uniformity(u: np.ndarray, bins: int = 20) -> Uniformity:
    """How far transforms u (M,) or (N, D) are from uniform. Raises ScoreError if there are none, or one is not in [0, 1]."""
    u = np.sort(_probabilities("u", u), axis=None)
    if bins < 2:
        raise ScoreError(f"bins must be at least 2; got {bins}.")
    shares = np.histogram(u, bins, (0, 1))[0] / len(u)
    upper, lower = np.arange(1, len(u) + 1) / len(u), np.arange(len(u)) / len(u)
    return Uniformity(
        histogram=shares,
        total_variation=float(np.abs(shares - 1 / bins).sum() / 2),
        chance=float(np.sqrt((bins - 1) / (2 * np.pi * len(u)))),
        kolmogorov_smirnov=float(max((upper - u).max(), (u - lower).max())),
        wasserstein=_area(u),
        miscalibration_area=_area(np.sort(np.abs(2 * u - 1))),
    )


def central_coverage(u: np.ndarray, levels: tuple[float, ...] = LEVELS) -> Coverage:
    """The share of pixels inside the central interval of each level, from transforms u (M,) or (N, D).

    A pixel is inside the interval of level p if |2u - 1| <= p. Standard errors are NaN for a single unit. Raises ScoreError as
    `uniformity` does, and if a level is not in (0, 1).
    """
    u, p = _probabilities("u", u), np.asarray(levels, np.float64)
    if p.ndim != 1 or not ((p > 0) & (p < 1)).all():
        raise ScoreError(f"levels must be between 0 and 1; got {levels}.")
    distance = np.abs(2 * u - 1).reshape(len(u), -1)
    inside = np.stack([(distance <= level).mean(1) for level in p], 1)
    errors = inside.std(0, ddof=1) / np.sqrt(len(u)) if len(u) > 1 else np.full(len(p), np.nan)
    return Coverage(p, inside.mean(0), errors)


def variance_bins(variance: np.ndarray, error: np.ndarray, bins: int = 10) -> VarianceBins:
    """Predicted and observed squared error, in bins of about equal count by predicted variance.

    variance: `Likelihood.variance`, error: pixel - `Likelihood.mean`, both (M,) or (N, D). Equal variances share a bin,
    so a decoder with one σ has one bin. The ratio's standard error is that of a ratio of sums over units (Cochran, 1977,
    ch. 6), NaN for a single unit. Raises ScoreError if shapes differ, a number is not finite, or a variance is not positive.
    """
    variance, error = _finite("variance", variance), _finite("error", error)
    if variance.shape != error.shape:
        raise ScoreError(f"variance and error must have the same shape; got {variance.shape} and {error.shape}.")
    if (variance <= 0).any():
        raise ScoreError(
            f"variance must be positive; {(variance <= 0).sum():,} values are not, the least is {variance.min():.3g}. "
            "A mass that gives one level probability 1 has variance 0: leave such pixels out."
        )
    if bins < 1:
        raise ScoreError(f"bins must be at least 1; got {bins}.")
    edges = np.unique(np.quantile(variance, np.arange(1, bins) / bins, method="higher"))
    place = np.searchsorted(edges, variance, side="right")
    kept, place = np.unique(place, return_inverse=True)
    place = place.reshape(len(variance), -1)
    counts = np.bincount(place.ravel())
    predicted, observed = (_sums(place, x.reshape(place.shape), len(kept)) for x in (variance, error**2))
    ratio = observed.sum(0) / predicted.sum(0)
    rest, units = observed - ratio * predicted, len(variance)
    spread = np.sqrt(np.square(rest).sum(0) * units / (units - 1)) if units > 1 else np.full(len(kept), np.nan)
    return VarianceBins(counts, predicted.sum(0) / counts, observed.sum(0) / counts, ratio, spread / predicted.sum(0))


def _sums(place: NDArray[np.int64], values: Floats, bins: int) -> Floats:
    """Sums of values (N, D) by unit and bin, (N, bins)."""
    flat = (place + bins * np.arange(len(place))[:, None]).ravel()
    return (
        np.bincount(flat, values.ravel(), minlength=bins * len(place)).reshape(-1, bins).astype(np.float64, copy=False)
    )


def _area(ordered: Floats) -> float:
    """∫ |share of values up to t - t| dt over [0, 1], exactly, for values in ascending order."""
    ends = np.concatenate([[0.0], ordered, [1.0]])
    share = np.arange(len(ordered) + 1) / len(ordered)
    left, right = share - ends[:-1], share - ends[1:]
    crossing = left * right < 0
    straight = np.abs(left + right) / 2 * np.diff(ends)
    return float(np.where(crossing, (left**2 + right**2) / 2, straight).sum())


def _finite(name: str, values: np.ndarray) -> Floats:
    values = np.asarray(values, np.float64)
    if values.ndim not in (1, 2) or values.size == 0:
        raise ScoreError(f"{name} must be (M,), or (N, D) of N images; got shape {values.shape}.")
    if not np.isfinite(values).all():
        raise ScoreError(f"{name} has {(~np.isfinite(values)).sum():,} values that are not finite. Leave them out.")
    return values


def _probabilities(name: str, values: np.ndarray) -> Floats:
    values = _finite(name, values)
    if values.min() < 0 or values.max() > 1:
        raise ScoreError(f"{name} must be probabilities; got {values.min():.4g} to {values.max():.4g}.")
    return values
