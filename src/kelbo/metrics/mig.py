"""The mutual information gap: how much more the best latent tells of a factor than the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, codes_and_factors, finite_table
from kelbo.metrics.mutual_information import equal_bins, factor_entropies, of_bins

BLOCK = 2**17  # densities at a time: 1 MiB, which stay in the cache


class InformationGap(NamedTuple):
    """The mean gap over factors, and what it comes from.

    gaps          (I of the best latent - I of the next) / H of the factor, (F,)
    information   mutual information of each latent and factor, nats, (K, F)
    """

    value: float
    gaps: Floats
    information: Floats


def mig(codes: np.ndarray, factors: np.ndarray, *, bins: int = 20) -> InformationGap:
    """The mutual information gap of codes (N, K) with factors (N, F), counted in bins (Chen et al., 2018, section 4).

    1/F Σ_f (I_f(1) - I_f(2)) / H(v_f), where I_f(1) ≥ I_f(2) are the largest informations of a latent on factor f, the
    second 0 where there is one latent only. The reference (disentanglement_lib) counts 10,000 rows of posterior means in 20
    bins; this takes all rows it is given, and its bias depends on their number (see `mutual_information`), so give as many.
    A factor of more values than bins cannot reach 1: 32 in 20 reach 0.85. ScoreError: see `mutual_information`.
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
    as_published: bool = False,
) -> InformationGap:
    """The mutual information gap of noisy codes z_j ~ N(means_j, scales_j²), without bins (Chen et al., 2018, appendix C).

    I(z_j; v_f) = H(z_j) - Σ_v p(v) H(z_j | v), with entropies of the aggregate posterior of the rows,
    H(z_j) = -E log 1/N Σ_n q(z_j | x_n), and of the rows that have v. One z is drawn for each row; each entropy is the
    mean over at most `samples` of its rows, as in the authors' code. Informations below 0, of which noise alone is the cause,
    count as 0. Not the score `mig` gives: it sees the posterior's width, that one its means only. Time grows with N².

    as_published: as disvae and the β-VAE reproducibility study have it. In place of draws they take the means, since their
    model gives these while it is evaluated. Those of S rows in an order drawn anew for each entropy, (S, K), they read row
    after row as (K, S), where they meant the transpose: each latent's densities are asked about values of all latents. So the
    score depends on the order by chance, the more so the fewer rows there are; give the mean over some seeds.

    means, scales: (N, K). factors: (N, F). ScoreError: see `codes_and_factors`; a scale that is not above 0; samples below 1.
    """
    means, ranks = codes_and_factors(means, factors)
    scales = finite_table("scales", scales)
    if scales.shape != means.shape or scales.min() <= 0:
        raise ScoreError(
            f"scales must be standard deviations above 0, one for each mean; got shape {scales.shape} for means of "
            f"{means.shape}, the smallest {scales.min():g}."
        )
    if samples < 1:
        raise ScoreError(f"An entropy needs a sample at least; got samples={samples}.")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(means))  # the first rows of any group in this order are a random choice of it
    # latent by latent: one more leaves the others' draws as they are
    noise = np.zeros(means.shape) if as_published else rng.normal(size=means.shape[::-1]).T

    def entropies(rows: np.ndarray) -> Floats:
        rows = rng.permutation(rows) if as_published else rows
        return _entropies(means, scales, noise, rows, samples, as_published)

    everything = entropies(order)
    information = np.empty((means.shape[1], ranks.shape[1]))
    for factor, column in enumerate(ranks.T):
        groups = [order[column[order] == value] for value in range(column.max() + 1)]
        parts = [len(rows) / len(means) * entropies(rows) for rows in groups]
        information[:, factor] = everything - np.sum(parts, 0)
    return _gap(information.clip(0), factor_entropies(ranks))


def _entropies(
    means: Floats, scales: Floats, noise: Floats, rows: np.ndarray, samples: int, scrambled: bool = False
) -> Floats:
    """-E log of the mixture of the rows' posteriors, for each latent, nats, (K,); E over their first `samples` draws.

    scrambled: see `as_published` of `continuous_mig`.
    """
    centres, widths, drawn = (torch.from_numpy(table[rows].T.copy()) for table in (means, scales, noise))
    drawn = drawn[:, :samples]
    own = -0.5 * drawn.square() - widths[:, : drawn.shape[1]].log()  # of each draw under the row it came from
    values = centres[:, : drawn.shape[1]] + widths[:, : drawn.shape[1]] * drawn
    if scrambled:
        values = values.T.reshape(values.shape)
        own = _nearest(values, centres, widths)
    relative = torch.stack([_mixture(*latent) for latent in zip(values, own, centres, widths, strict=True)])
    log_density = own + relative.log() - np.log(len(rows)) - 0.5 * np.log(2 * np.pi)
    return -log_density.mean(1).numpy()


def _mixture(values: Tensor, own: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    """Σ_n N(z; m_n, s_n²) / e^own for each z: never below 1, since some row's log-density is its `own`. (S,)"""
    inverse, logs = widths.reciprocal(), widths.log()
    block = max(1, BLOCK // len(centres))
    sums = []
    for part, mine in zip(values.split(block), own.split(block), strict=True):
        exponent = (part[:, None] - centres).mul_(inverse).square_().mul_(-0.5).sub_(logs).sub_(mine[:, None])
        sums.append(exponent.exp_().sum(1))
    return torch.cat(sums)


def _nearest(values: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    """The largest log N(z; m_n, s_n²) over the rows n, without its ½ log 2π, of values (K, S): for draws that have no row."""
    block = max(1, BLOCK // centres.shape[1])
    found = []
    for latent, centre, width in zip(values, centres, widths, strict=True):
        logs = width.log()
        parts = [(-0.5 * ((part[:, None] - centre) / width).square() - logs).amax(1) for part in latent.split(block)]
        found.append(torch.cat(parts))
    return torch.stack(found)


def _gap(information: Floats, entropies: Floats) -> InformationGap:
    ordered = np.sort(np.vstack([np.zeros(information.shape[1]), information]), 0)
    gaps = (ordered[-1] - ordered[-2]) / entropies
    return InformationGap(float(gaps.mean()), gaps, information)
