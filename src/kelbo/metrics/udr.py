"""UDR: do models of one recipe, trained with different seeds, find the same latents?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, finite_table

Similarity = Literal["lasso", "spearman"]
PENALTY = 0.1
LEAST_RATE = 0.01  # nats


class Udr(NamedTuple):
    """models: each run's score, the median over its pairs, (M,). pairs: run j predicted from run i, (M, M), NaN if i = j."""

    models: Floats
    pairs: Floats


def udr(
    codes: Sequence[np.ndarray],
    rates: Sequence[np.ndarray],
    *,
    similarity: Similarity = "lasso",
    least_rate: float = LEAST_RATE,
) -> Udr:
    """The unsupervised disentanglement ranking (Duan et al., 2020, section 4) of M runs, without factors.

    codes: for each run a table (N, K_i) of posterior means, of the same images in the same order. rates: for each run the mean
    rate of each latent, (K_i,), nats. Latents with a rate of `least_rate` or less, and constant ones, are left out; the others
    are standardised. R_ab, the similarity of latent a of run i to latent b of run j, is the absolute weight of a in the lasso
    that predicts b from all latents of run i (penalty 0.1; not symmetric), or the absolute Spearman rank correlation.

    pairs_ij = (mean_b max_a R² / Σ_a R + mean_a max_b R² / Σ_b R) / 2, with 0 / 0 = 0. It is 1 if each latent equals one latent
    of the other run up to sign (lasso: 1 - penalty) or, with Spearman, up to a monotonic transform. The paper averages over the
    latents of both runs together, which differs only if the runs keep different numbers of latents. A run without latents
    left scores 0. The score ranks settings of one model on one data set; the paper takes at least five seeds of each.

    Penalty, threshold, means and medians are the reference's (disentanglement_lib). Raises ScoreError if there are fewer than
    two runs, tables are not finite or differ in length, rates do not match them, or the similarity is unknown.
    """
    if similarity not in get_args(Similarity):
        raise ScoreError(f"similarity must be {' or '.join(get_args(Similarity))}; got {similarity!r}.")
    tables = _informative(codes, rates, least_rate)
    owner = np.repeat(np.arange(len(tables)), [table.shape[1] for table in tables])
    if similarity == "spearman":
        from scipy.stats import rankdata

        tables = [_standardised(rankdata(table, axis=0)) for table in tables]
    joined = np.concatenate(tables, 1)
    correlation = joined.T @ joined / len(joined)

    pairs = np.full((len(tables), len(tables)), np.nan)
    for i in range(len(tables)):
        rows = correlation[owner == i]
        alike = np.abs(rows if similarity == "spearman" else lasso_weights(rows[:, owner == i], rows, PENALTY))
        for j in range(len(tables)):
            if i != j:
                pairs[i, j] = _relative_strength(alike[:, owner == j])
    return Udr(np.nanmedian(pairs, axis=0), pairs)


def lasso_weights(gram: Floats, products: Floats, penalty: float, tolerance: float = 1e-10) -> Floats:
    """The weights (K, T) that minimise ½ w'Gw - w'c + penalty |w|₁ for each column c of products (K, T); G (K, K).

    Coordinate descent on all columns at once (Friedman et al., 2010), until no weight moves by more than the tolerance, at most
    10,000 times: if latents are equal, the weights between them are not determined.
    """
    weights = np.zeros_like(products)
    for _ in range(10_000):
        moved = 0.0
        for k in range(len(gram)):
            pull = products[k] - gram[k] @ weights + gram[k, k] * weights[k]
            new = np.sign(pull) * np.maximum(np.abs(pull) - penalty, 0) / gram[k, k]
            moved = max(moved, float(np.abs(new - weights[k]).max(initial=0)))
            weights[k] = new
        if moved <= tolerance:
            break
    return weights


def _relative_strength(alike: Floats) -> float:
    """(mean over columns + mean over rows of max² / sum) / 2; 0 if there are no rows or columns."""
    if alike.size == 0:
        return 0.0
    both = []
    for table in (alike, alike.T):
        total = table.sum(0)
        both.append(np.divide(table.max(0) ** 2, total, out=np.zeros_like(total), where=total > 0).mean())
    return float(np.mean(both))


def _informative(codes: Sequence[np.ndarray], rates: Sequence[np.ndarray], least_rate: float) -> list[Floats]:
    """The standardised codes of each run's informative latents."""
    if len(codes) < 2:
        raise ScoreError(f"UDR needs at least two runs; got {len(codes)}. Train more seeds.")
    if len(codes) != len(rates):
        raise ScoreError(
            f"Each run needs a table of codes and its rates; got {len(codes)} tables of codes and {len(rates)} of rates."
        )
    tables = [finite_table(f"codes of run {run}", table) for run, table in enumerate(codes)]
    lengths = {len(table) for table in tables}
    if len(lengths) > 1:
        raise ScoreError(f"All runs must encode the same images; the tables have {sorted(lengths)} rows.")
    kept = []
    for run, (table, rate) in enumerate(zip(tables, rates, strict=True)):
        rate = np.asarray(rate, np.float64)
        if rate.shape != (table.shape[1],) or not np.isfinite(rate).all():
            raise ScoreError(
                f"rates of run {run} must be {table.shape[1]} finite numbers, one a latent; got shape {rate.shape}: "
                f"{rate.ravel()[:8]}."
            )
        kept.append(_standardised(table[:, _carries(table, rate, least_rate)]))
    return kept


def _carries(table: Floats, rate: Floats, least_rate: float) -> NDArray[np.bool_]:
    return (rate > least_rate) & (np.ptp(table, axis=0) > 0)


def _standardised(table: Floats) -> Floats:
    return (table - table.mean(0)) / table.std(0)
