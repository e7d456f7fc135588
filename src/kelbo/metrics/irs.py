"""The interventional robustness score: how little a latent changes while its factor is held fixed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, codes_and_factors


class Irs(NamedTuple):
    """The score and its parts; constant latents have weight 0 and a row of zeros.

    value       Σ_i w_i max_f robustness_if, 0 if all latents are constant
    robustness  1 - (mean over the values of factor f of the deviation of latent i at that value) / its largest, (K, F)
    weights     each latent's largest deviation from its mean over all rows, as shares, (K,)
    """

    value: float
    robustness: Floats
    weights: Floats


def irs(codes: np.ndarray, factors: np.ndarray, *, quantile: float = 0.99) -> Irs:
    """IRS (Suter et al., 2019, section 4) of codes (N, K) with factors (N, F), for factors that are independent of each other.

    The deviation of latent i at a value of factor f is the given quantile of |z_i - mean| over the rows with that value; 1.0
    is the paper's maximum, 0.99 the reference's (disentanglement_lib). The reference first puts factors of more than 20 values
    into 20 bins, which counts changes within a bin as deviations; here values are not binned. Random codes do not score 0: the
    quantile of a group is below the maximum over all rows, the more so the fewer rows there are.

    Raises ScoreError as `codes_and_factors` does, and if quantile is not within (0, 1], or a value has only one row.
    """
    codes, ranks = codes_and_factors(codes, factors)
    if not 0 < quantile <= 1:
        raise ScoreError(f"quantile must be above 0 and at most 1; got {quantile}.")
    largest = np.where(np.ptp(codes, axis=0) > 0, np.abs(codes - codes.mean(0)).max(0), 0.0)
    total = largest.sum()
    if total == 0:
        return Irs(0.0, np.zeros((codes.shape[1], ranks.shape[1])), largest)
    moved = np.stack([_deviation(codes, column, name, quantile) for name, column in enumerate(ranks.T)], 1)
    share = np.divide(moved, largest[:, None], out=np.ones_like(moved), where=largest[:, None] > 0)
    robustness, weights = 1 - share, largest / total
    return Irs(float(weights @ robustness.max(1)), robustness, weights)


def _deviation(codes: Floats, ranks: np.ndarray, name: int, quantile: float) -> Floats:
    """The mean over values of a factor of each latent's deviation while the factor has that value, (K,)."""
    counts = np.bincount(ranks)
    if counts.min() < 2:
        raise ScoreError(
            f"Factor {name} has {int((counts < 2).sum()):,} values with only one row each, from which there is no deviation. "
            "Encode more images, or merge rare values."
        )
    groups = np.split(codes[np.argsort(ranks, kind="stable")], np.cumsum(counts)[:-1])
    return np.mean([np.quantile(np.abs(rows - rows.mean(0)), quantile, axis=0) for rows in groups], axis=0)
