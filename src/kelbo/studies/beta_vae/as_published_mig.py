"""The continuous mutual information gap as disvae and the β-VAE reproducibility study's code computed it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kelbo.metrics.checks import Floats, Ints
from kelbo.metrics.mig import InformationGap, gap_of_entropies, mixture_log_density, posterior_table

BLOCK = 2**17
"""densities computed at a time: 1 MiB, which stay in the cache"""


def continuous_mig_as_published(
    means: np.ndarray, scales: np.ndarray, factors: np.ndarray, *, samples: int = 10_000, seed: int = 0
) -> InformationGap:
    """The gap of the study's code; arguments and errors are those of `continuous_mig`.

    In place of draws it takes the means, since its model gives these in evaluation mode. It permutes the rows anew for each
    entropy and reads their means (S, K) row after row as (K, S), where it meant the transpose: each latent's density is
    evaluated at values of all latents. So the score depends on the order of rows by chance, the more so the fewer there are;
    report the mean over some seeds.
    """
    means, scales, ranks = posterior_table(means, scales, factors)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(means))
    return gap_of_entropies(lambda rows: _entropies(means, scales, rng.permutation(rows), samples), order, ranks)


def _entropies(means: Floats, scales: Floats, rows: Ints, samples: int) -> Floats:
    """-E log of the mixture of the rows' posteriors, for each latent, nats, (K,); E over `samples` mixed-up means."""
    centres, widths = (torch.from_numpy(table[rows].T.copy()) for table in (means, scales))
    values = centres[:, :samples]
    values = values.T.reshape(values.shape)
    return -mixture_log_density(values, _nearest(values, centres, widths), centres, widths).mean(1).numpy()


def _nearest(values: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    """The largest log N(z; m_n, s_n²) over the rows n, without its ½ log 2π, at values (K, S): none has a row of its own."""
    block = max(1, BLOCK // centres.shape[1])
    found = []
    for latent, centre, width in zip(values, centres, widths, strict=True):
        logs = width.log()
        parts = [(-0.5 * ((part[:, None] - centre) / width).square() - logs).amax(1) for part in latent.split(block)]
        found.append(torch.cat(parts))
    return torch.stack(found)
