"""The rate split into its parts, and the divergence of the aggregate posterior from the prior."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, finite_table

BLOCK = 2**16  # densities computed at a time: half a MiB, which stays in the cache
ROUNDING = 1e-7  # largest error, in nats, that expanding the squares may cause in a log-density
LOG_2PI = float(np.log(2 * np.pi))


class RateEstimate(NamedTuple):
    """A Monte Carlo mean, nats, and its standard error over images and draws."""

    value: float
    error: float


class RateParts(NamedTuple):
    """The three parts of the mean rate of the chosen examples, nats; their values sum exactly to `rate`.

    information        KL(q(z, n) || q(z) p(n)): index-code mutual information, at most `cap` = log N
    total_correlation  KL(q(z) || Π_k q(z_k))
    dimension_wise     Σ_k KL(q(z_k) || p(z_k))
    marginal           KL(q(z) || p(z)), the sum of total correlation and dimension-wise KL
    by_latent          KL(q(z_k) || p(z_k)), (K,)
    """

    information: RateEstimate
    total_correlation: RateEstimate
    dimension_wise: RateEstimate
    marginal: RateEstimate
    by_latent: Floats
    rate: float
    cap: float


class Draws(NamedTuple):
    """One draw from the posterior of each of n rows of the table, and their rates.

    z        the draws, (n, K)
    own      log q(z | x), (n,)
    rate     KL(q(z | x) || p(z)), (n,)
    surplus  log q(z | x) - log p(z) - rate, whose expectation is 0, (n,)
    """

    z: Floats
    own: Floats
    rate: Floats
    surplus: Floats


def rate_parts(
    means: np.ndarray,
    scales: np.ndarray,
    *,
    draws: np.ndarray | None = None,
    examples: int | None = None,
    seed: int = 0,
) -> RateParts:
    """Split the rate of diagonal Gaussian posteriors, means and scales (N, K), against a standard normal prior.

    rate = I(z; n) + KL(q(z) || Π q(z_k)) + Σ KL(q(z_k) || p(z_k)) (Chen et al., 2018, eq. 2; Hoffman and Johnson, 2016), where
    q(z) = 1/N Σ_n q(z | x_n), and so each q(z_k), is the mixture over all N rows, computed exactly in float64; the
    expectations are over one draw from each row, or from `examples` random rows. draws: (N, K), from the posteriors, in
    place of those drawn from seed.

    The table is taken as the whole data set. If it is a sample of a larger one, each draw's own posterior has weight 1/N
    instead of almost 0: then information is that of the sample, at most log N, and the marginal KL is too large. If information
    is within about a nat of the cap, trust neither. The exact rate serves as a control variate for all parts, so they sum to
    it.

    Time grows with examples · N · K: 10,000 · 10,000 · 10 takes about 3 s on one core; memory is bounded.
    Raises ScoreError if the tables differ in shape, are not finite or have a scale of 0 or less, or if examples is below 3 or
    above N.
    """
    means, scales = _posteriors(means, scales)
    drawn = _draw(means, scales, draws, examples, seed)
    z = drawn.z
    joint = log_mixture(z, means, scales)
    each = np.stack([log_mixture(z[:, [k]], means[:, [k]], scales[:, [k]]) for k in range(z.shape[1])], 1)
    divergences = each + (LOG_2PI + np.square(z)) / 2
    parts = np.column_stack([drawn.own - joint, joint - each.sum(1), divergences])
    parts = _corrected(parts, drawn)
    by_latent = parts[:, 2:].mean(0)
    return RateParts(
        _estimate(parts[:, 0]),
        _estimate(parts[:, 1]),
        _estimate(parts[:, 2:].sum(1)),
        _estimate(parts[:, 1:].sum(1)),
        by_latent,
        float(drawn.rate.mean()),
        float(np.log(len(means))),
    )


def marginal_kl(
    means: np.ndarray,
    scales: np.ndarray,
    *,
    draws: np.ndarray | None = None,
    examples: int | None = None,
    seed: int = 0,
) -> RateEstimate:
    """KL(q(z) || p(z)) in nats (Rosca et al., 2018, section 3): the `marginal` of `rate_parts`, in a fraction of the time.

    Arguments, caveats and errors are the same; only the mixture of whole latent vectors is evaluated.
    """
    means, scales = _posteriors(means, scales)
    drawn = _draw(means, scales, draws, examples, seed)
    joint = log_mixture(drawn.z, means, scales)
    parts = np.column_stack([drawn.own - joint, joint + (LOG_2PI + np.square(drawn.z)).sum(1) / 2])
    return _estimate(_corrected(parts, drawn)[:, 1])


def log_mixture(points: Floats, means: Floats, scales: Floats) -> Floats:
    """log 1/M Σ_m Π_k N(z_k; mean_mk, scale_mk²) of points (n, K) under M Gaussians (M, K): nats, float64, (n,).

    The exponents are one matrix product, [z², z, 1] by [-1/2s², mean/s², …], unless scales are so small compared with the
    means that cancellation would cost more than 1e-7 nats; then they are summed from (z - mean)/s.
    """
    centre = means.mean(0)
    z, m = points - centre, means - centre
    precision = 1 / np.square(scales)
    normaliser = -np.log(scales).sum(1) - means.shape[1] * LOG_2PI / 2 - np.log(len(means))
    reach = np.square(np.abs(z).max(0) + np.abs(m).max(0))
    expand = np.finfo(np.float64).eps * (reach * precision.max(0)).sum() < ROUNDING
    left = np.column_stack([np.square(z), z, np.ones(len(z))])
    right = np.vstack([-precision.T / 2, (m * precision).T, normaliser - (np.square(m) * precision).sum(1) / 2])

    logs, size = np.empty(len(z)), max(1, BLOCK // len(means))
    for start in range(0, len(z), size):
        rows = slice(start, start + size)
        if expand:
            block = left[rows] @ right
        else:
            block = np.tile(normaliser, (len(z[rows]), 1))
            for k in range(z.shape[1]):
                block -= np.square((points[rows, k, None] - means[:, k]) / scales[:, k]) / 2
        most = block.max(1, keepdims=True)
        block -= most
        np.maximum(block, -700, out=block)  # e^-700 is negligible, and numbers below 1e-308 take ten times as long
        logs[rows] = np.log(np.exp(block, out=block).sum(1)) + most[:, 0]
    return logs


def _posteriors(means: np.ndarray, scales: np.ndarray) -> tuple[Floats, Floats]:
    means, scales = finite_table("means", means, 3), finite_table("scales", scales, 3)
    if means.shape != scales.shape:
        raise ScoreError(f"means and scales must have the same shape; got {means.shape} and {scales.shape}.")
    if (scales <= 0).any():
        raise ScoreError(f"scales must be above 0 (standard deviations, not their logarithms); got {scales.min():g}.")
    return means, scales


def _draw(means: Floats, scales: Floats, draws: np.ndarray | None, examples: int | None, seed: int) -> Draws:
    rng, size = np.random.default_rng(seed), len(means)
    count = size if examples is None else examples
    if not 3 <= count <= size:
        raise ScoreError(f"examples must be 3 to {size:,}, the rows of the table; got {count:,}.")
    rows = np.arange(size) if count == size else np.sort(rng.permutation(size)[:count])
    m, s = means[rows], scales[rows]
    if draws is None:
        z = m + s * rng.normal(size=m.shape)
    else:
        z = finite_table("draws", draws)
        if z.shape != means.shape:
            raise ScoreError(f"draws must have the means' shape {means.shape}; got {z.shape}.")
        z = z[rows]
    noise = np.square((z - m) / s)
    own = -(noise / 2 + np.log(s) + LOG_2PI / 2).sum(1)
    rate = ((np.square(m) + np.square(s) - 1) / 2 - np.log(s)).sum(1)
    surplus = (np.square(z) - noise - np.square(m) - np.square(s) + 1).sum(1) / 2
    return Draws(z, own, rate, surplus)


def _corrected(parts: Floats, drawn: Draws) -> Floats:
    """Parts (n, P) of log q(z | x) - log p(z), with the surplus as control variate, so that they sum to the rate on average.

    The weights sum to 1; they are fitted by least squares to the part of the surplus that the rates do not explain.
    """
    rate, surplus = drawn.rate - drawn.rate.mean(), drawn.surplus - drawn.surplus.mean()
    left = surplus - rate * (rate @ surplus / max(float(rate @ rate), 1e-300))
    size = float(left @ left)
    if size > 1e-6 * float(surplus @ surplus):
        weights = left @ (parts - parts.mean(0)) / size
    else:  # the rates explain the surplus, or there is none, as if posteriors are the prior: any weights serve
        weights = np.full(parts.shape[1], 1 / parts.shape[1])
    return parts - drawn.surplus[:, None] * weights


def _estimate(values: Floats) -> RateEstimate:
    return RateEstimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
