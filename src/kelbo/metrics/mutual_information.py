"""The mutual information of latents and factors, estimated in bins."""

from __future__ import annotations

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints, codes_and_factors


def mutual_information(codes: np.ndarray, factors: np.ndarray, *, bins: int = 20) -> Floats:
    """I(c_k; v_f) of codes (N, K) and factors (N, F), nats, (K, F): plug-in estimate with `bins` equal bins for each latent.

    Σ p(b, v) log p(b, v) / (p(b) p(v)) with observed frequencies. The estimate is too large by about (bins - 1)(S - 1) / 2N
    for a factor of S values, so compare at the same N only. Raises ScoreError as `codes_and_factors` does, and if bins is
    below 2.
    """
    codes, ranks = codes_and_factors(codes, factors)
    return of_bins(equal_bins(codes, bins), ranks)


def equal_bins(codes: Floats, bins: int) -> Ints:
    """The bin of each code, 0 … bins - 1, (N, K): equal parts of each latent's range, closed below; the last includes its end.

    A constant latent lies in one bin. Raises ScoreError if bins is below 2.
    """
    if bins < 2:
        raise ScoreError(f"bins must be at least 2; got {bins}.")
    edges = np.linspace(codes.min(0), codes.max(0), bins + 1)
    inner = [np.digitize(column, edge[1:-1]) for column, edge in zip(codes.T, edges.T, strict=True)]
    return np.stack(inner, 1)


def of_bins(binned: Ints, ranks: Ints) -> Floats:
    """Plug-in mutual information of each column of binned (N, K) with each column of ranks (N, F), nats, (K, F)."""
    rows, cells = binned.max(0) + 1, ranks.max(0) + 1
    information = np.empty((binned.shape[1], ranks.shape[1]))
    for latent, factor in np.ndindex(information.shape):
        shape = (rows[latent], cells[factor])
        joint = np.bincount(binned[:, latent] * shape[1] + ranks[:, factor], minlength=shape[0] * shape[1]).reshape(
            shape
        )
        information[latent, factor] = _entropy(joint.sum(0)) + _entropy(joint.sum(1)) - _entropy(joint)
    return information.clip(0)  # only rounding makes it negative


def factor_entropies(ranks: Ints) -> Floats:
    """Entropy of each factor's values by their frequencies in the rows, nats, (F,)."""
    return np.array([_entropy(np.bincount(column)) for column in ranks.T])


def _entropy(counts: Ints) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
