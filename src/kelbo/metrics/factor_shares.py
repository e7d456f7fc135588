"""How much of each latent's variance every factor explains."""

from __future__ import annotations

import numpy as np

from kelbo.metrics.checks import Floats, Ints, codes_and_factors


def factor_shares(codes: np.ndarray, factors: np.ndarray) -> Floats:
    """Var_f(E[z_k | f]) / Var(z_k), the share of latent k's variance that factor f explains alone: (K, F) in [0, 1].

    codes: (N, K), posterior means for example; factors: (N, F). For independent factors it is Sobol's first-order index, and a
    latent's shares add up to at most 1: what is left depends on several factors together. On N drawn rows a share of 0 reads as
    about (values - 1) / N. A latent that does not vary has the shares 0. Raises ScoreError as `codes_and_factors` does.
    """
    codes, ranks = codes_and_factors(codes, factors)
    centred = codes - codes.mean(0)
    variance = np.square(centred).mean(0)
    between = np.stack([_between(centred, column) for column in ranks.T], 1)
    varies = variance > np.finfo(np.float32).eps ** 2 * np.square(codes).mean(0)  # else it is rounding alone
    return np.divide(between, variance[:, None], out=np.zeros_like(between), where=varies[:, None])


def _between(centred: Floats, ranks: Ints) -> Floats:
    """The variance of each latent's means over the values of one factor, (K,)."""
    counts = np.bincount(ranks)
    sums = np.stack([np.bincount(ranks, weights=latent) for latent in centred.T])
    return (np.square(sums) / counts).sum(1) / len(ranks)
