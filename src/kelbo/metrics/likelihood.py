"""Bounds on the evidence and active units, from per-example numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kelbo.metrics.checks import finite_table

Array = NDArray[np.floating]


def mean_and_error(values: Array) -> tuple[float, float]:
    """The mean of per-example values (N,) and its standard error, in float64; the error is NaN for a single example."""
    values = np.asarray(values, np.float64)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return float(values.mean()), float(error)


def importance_weighted_bound(log_weights: Array) -> Array:
    """log (1/S Σ_s w_s) per example, nats, (N,), from log-weights (N, S) (Burda et al., 2016, eq. 8).

    At S = 1 it is a one-draw ELBO; its expectation grows with S towards the evidence.
    """
    log_weights = np.asarray(log_weights, np.float64)
    largest = log_weights.max(1, keepdims=True)
    return largest[:, 0] + np.log(np.exp(log_weights - largest).mean(1))


def active_units(means: Array, threshold: float = 0.01) -> NDArray[np.bool_]:
    """Which latents vary with the data: the variance over examples of the posterior mean is above `threshold`.

    means: posterior means (N, K). Returns (K,). Definition and threshold of Burda et al. (2016), section 5.2: the variance
    is divided by N. Raises ScoreError if there are fewer than 2 examples.
    """
    return finite_table("means", means).var(0) > threshold
