"""The mutual information gap: how much more information the best latent has on a factor than the second best."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints, codes_and_factors, finite_table
from kelbo.metrics.mutual_information import equal_bins, factor_entropies, of_bins

BLOCK = 2**17  # densities computed at a time: 1 MiB, which stay in the cache


class InformationGap(NamedTuple):
    """The mean gap over factors, and its parts.

    gaps          (I of the best latent - I of the second best) / H of the factor, (F,)
    information   mutual information of each latent and factor, nats, (K, F)
    """

    value: float
    gaps: Floats
    information: Floats


def mig(codes: np.ndarray, factors: np.ndarray, *, bins: int = 20) -> InformationGap:
    """The mutual information gap of binned codes (N, K) with factors (N, F) (Chen et al., 2018, section 4).

    1/F Σ_f (I_f(1) - I_f(2)) / H(v_f), where I_f(1) ≥ I_f(2) are the two largest informations of a latent on factor f, the
    second being 0 if there is one latent only. The reference (disentanglement_lib) takes 10,000 rows of posterior means and 20
    bins; the bias depends on the number of rows (see `mutual_information`), so give as many to compare.
    A factor with more values than bins cannot reach 1: 32 values in 20 bins reach 0.85. Raises ScoreError as
    `mutual_information` does.
    """
    codes, ranks = codes_and_factors(codes, factors)
    return _gap(of_bins(equal_bins(codes, bins), ranks), factor_entropies(ranks))


def continuous_mig(
    means: np.ndarray,
    scales: np.ndarray,
    factors: np.ndarray,
    *,
    samples: int = 10_000,
    seed: int = 0,
) -> InformationGap:
    """The mutual information gap of noisy codes z_j ~ N(means_j, scales_j²), without bins (Chen et al., 2018, appendix C).

    I(z_j; v_f) = H(z_j) - Σ_v p(v) H(z_j | v), with entropies of the aggregate posterior of the rows,
    H(z_j) = -E log 1/N Σ_n q(z_j | x_n), and of the rows with value v. One z is drawn for each row; each entropy is the
    mean over at most `samples` of its rows, as in the authors' code. Informations below 0, which only noise causes, count as 0.
    It differs from `mig`, which ignores the posterior's width. Time grows with N².

    means, scales: (N, K). factors: (N, F). Raises ScoreError as `posterior_table` does, and if samples is below 1.
    """
    means, scales, ranks = posterior_table(means, scales, factors)
    if samples < 1:
        raise ScoreError(f"samples must be at least 1; got {samples}.")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(means))
    noise = rng.normal(size=means.shape[::-1]).T  # latent by latent: a further latent does not change the others' draws
    return gap_of_entropies(lambda rows: _entropies(means, scales, noise, rows, samples), order, ranks)


def posterior_table(means: np.ndarray, scales: np.ndarray, factors: np.ndarray) -> tuple[Floats, Floats, Ints]:
    """Posterior means and scales (N, K), and the factors' values as ranks (N, F), checked.

    Raises ScoreError as `codes_and_factors` does, and if scales do not match the means or are not all above 0.
    """
    means, ranks = codes_and_factors(means, factors)
    scales = finite_table("scales", scales)
    if scales.shape != means.shape or scales.min() <= 0:
        raise ScoreError(
            f"scales must be standard deviations above 0, of the means' shape {means.shape}; got shape {scales.shape}, "
            f"smallest value {scales.min():g}."
        )
    return means, scales, ranks


def gap_of_entropies(entropies: Callable[[Ints], Floats], order: Ints, ranks: Ints) -> InformationGap:
    """The gap of informations I(z_j; v_f) = H(z_j) - Σ_v p(v) H(z_j | v).

    entropies: from row numbers to the entropy of each latent over these rows, nats, (K,); called for all rows, then for the
    rows of each value of each factor. order: (N,), a random order of the rows, so the first rows of any group are a random
    choice from it. ranks: (N, F).
    """
    everything = entropies(order)
    information = np.empty((len(everything), ranks.shape[1]))
    for factor, column in enumerate(ranks.T):
        groups = [order[column[order] == value] for value in range(column.max() + 1)]
        parts = [len(rows) / len(order) * entropies(rows) for rows in groups]
        information[:, factor] = everything - np.sum(parts, 0)
    return _gap(information.clip(0), factor_entropies(ranks))


def _entropies(means: Floats, scales: Floats, noise: Floats, rows: np.ndarray, samples: int) -> Floats:
    """-E log of the mixture of the rows' posteriors, for each latent, nats, (K,); E over the first `samples` draws."""
    centres, widths, drawn = (torch.from_numpy(table[rows].T.copy()) for table in (means, scales, noise))
    drawn = drawn[:, :samples]
    own = -0.5 * drawn.square() - widths[:, : drawn.shape[1]].log()  # log-density of each draw under its own row
    values = centres[:, : drawn.shape[1]] + widths[:, : drawn.shape[1]] * drawn
    return -mixture_log_density(values, own, centres, widths).mean(1).numpy()


def mixture_log_density(values: Tensor, own: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    """log 1/N Σ_n N(z; m_n, s_n²) of each latent's values (K, S), nats, (K, S); centres m and widths s are (K, N).

    own: (K, S), for each value the log-density, without its ½ log 2π, of one row near it; the sum is taken relative to it.
    """
    relative = torch.stack([_mixture(*latent) for latent in zip(values, own, centres, widths, strict=True)])
    return own + relative.log() - np.log(centres.shape[1]) - 0.5 * np.log(2 * np.pi)


def _mixture(values: Tensor, own: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    """Σ_n N(z; m_n, s_n²) / e^own for each z, (S,): at least 1, since `own` is one of the log-densities."""
    inverse, logs = widths.reciprocal(), widths.log()
    block = max(1, BLOCK // len(centres))
    sums = []
    for part, mine in zip(values.split(block), own.split(block), strict=True):
        exponent = (part[:, None] - centres).mul_(inverse).square_().mul_(-0.5).sub_(logs).sub_(mine[:, None])
        sums.append(exponent.exp_().sum(1))
    return torch.cat(sums)


def _gap(information: Floats, entropies: Floats) -> InformationGap:
    ordered = np.sort(np.vstack([np.zeros(information.shape[1]), information]), 0)
    gaps = (ordered[-1] - ordered[-2]) / entropies
    return InformationGap(float(gaps.mean()), gaps, information)
