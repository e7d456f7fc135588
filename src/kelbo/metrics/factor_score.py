"""The FactorVAE score: is there a latent that varies least whenever a given factor is held fixed?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Floats, Ints, codes_and_factors
from kelbo.metrics.groups import Groups, draw_rows, draw_values, group_rows

BLOCK = 2**19  # numbers gathered at a time: 4 MiB, which stay in the cache


class FactorScore(NamedTuple):
    """The accuracy on test points, and the votes that it comes from.

    votes    training points by (factor, latent that varied least), (F, K)
    active   whether each latent's deviation reaches the threshold, (K,); the others do not vote
    """

    value: float
    votes: Ints
    active: NDArray[np.bool_]


def factor_score(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    batch: int = 64,
    train: int = 10_000,
    test: int = 5_000,
    variance_rows: int = 10_000,
    least_deviation: float = 0.05,
    seed: int = 0,
) -> FactorScore:
    """The FactorVAE score of codes (N, K) with factors (N, F): the test accuracy of a majority vote (Kim and Mnih, 2018).

    For each point, draw a factor y, a value of it, and a batch of rows with that value; d is the latent whose variance in the
    batch is the smallest share of its overall variance, and the point is (d, y). Each latent predicts the factor that it was
    paired with most often in the `train` points; the score is the accuracy on the `test` points: at best 1, by chance a little
    above 1 / F. As in the reference (disentanglement_lib): the sizes; variances divided by N - 1, the overall ones from
    variance_rows rows drawn with replacement; a latent whose deviation is below least_deviation does not vote, and without any
    latent left the score is 0. Rows are drawn as in `pair_differences`.

    Raises ScoreError as `codes_and_factors` does, and if a value has only one row, batch or variance_rows is below 2, or train
    or test below 1.
    """
    codes, ranks = codes_and_factors(codes, factors)
    if min(batch, variance_rows) < 2 or min(train, test) < 1:
        raise ScoreError(
            "batch and variance_rows must be at least 2, train and test at least 1; got "
            f"batch={batch}, variance_rows={variance_rows}, train={train}, test={test}."
        )
    groups, rng = group_rows(ranks), np.random.default_rng(seed)
    variances = codes[rng.integers(len(codes), size=variance_rows)].var(0, ddof=1)
    active = np.sqrt(variances) >= least_deviation
    shape = (ranks.shape[1], codes.shape[1])
    if not active.any():
        return FactorScore(0.0, np.zeros(shape, np.int64), active)
    shared, stillest = _points(codes[:, active], groups, variances[active], train + test, batch, rng)
    latents = np.flatnonzero(active)[stillest]
    votes = np.bincount(shared[:train] * shape[1] + latents[:train], minlength=shape[0] * shape[1]).reshape(shape)
    predicted = votes.argmax(0)[latents[train:]]
    return FactorScore(float((predicted == shared[train:]).mean()), votes, active)


def _points(
    codes: Floats, groups: Groups, variances: Floats, points: int, batch: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """The factor that each point's batch shares, and the latent whose variance in it is the smallest share of its own, (P,)."""
    shared, stillest = rng.integers(len(groups.sizes), size=points), np.empty(points, np.int64)
    block = max(1, BLOCK // (batch * codes.shape[1]))
    for start in range(0, points, block):
        factor = shared[start : start + block, None]
        uniforms = rng.random((len(factor), batch + 1))  # in the order of points, so blocks of any size draw the same
        rows = draw_rows(groups, factor, draw_values(groups, factor, uniforms[:, :1]), uniforms[:, 1:])
        within = codes.take(rows, 0)
        within -= within.mean(1, keepdims=True)
        stillest[start : start + block] = (np.einsum("plk,plk->pk", within, within) / variances).argmin(1)
    return shared, stillest
