"""The rows of a table by the values of its factors, and draws of rows that share one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Ints


class Groups(NamedTuple):
    """Where the rows of each factor's values are: F factors of at most S values, N rows.

    order    rows sorted by the value of each factor, (F * N,), factor by factor
    starts   where in `order` the rows of each value of each factor begin, (F, S)
    counts   how many they are, (F, S), 0 beyond a factor's values
    sizes    how many values each factor has, (F,)
    """

    order: Ints
    starts: Ints
    counts: Ints
    sizes: Ints


def group_rows(ranks: Ints) -> Groups:
    """The groups of factors given as ranks (N, F) of their values, as `codes_and_factors` gives them.

    ScoreError where a value has one row only: nothing shares it.
    """
    sizes = ranks.max(0) + 1
    counts = np.stack([np.bincount(column, minlength=sizes.max()) for column in ranks.T])
    lonely = np.argwhere(counts == 1)
    if len(lonely):
        factor, value = lonely[0]
        raise ScoreError(
            f"{len(lonely):,} values of factors have one row only, the first: value {value} of factor {factor}. Rows are "
            "compared with others of the same value: give more rows, leave these out, or merge rare values."
        )
    narrow = np.min_scalar_type(int(sizes.max()))  # of 16 bits or fewer, which numpy sorts by counting
    order = np.concatenate([np.argsort(column, kind="stable") for column in ranks.T.astype(narrow)])
    starts = counts.cumsum(1) - counts + len(ranks) * np.arange(len(sizes))[:, None]
    return Groups(order, starts, counts, sizes)


def draw_values(groups: Groups, factors: Ints, uniforms: NDArray[np.float64]) -> Ints:
    """A value of each factor, all equally likely. factors and uniforms in [0, 1): shapes that broadcast to the result's."""
    return (uniforms * groups.sizes.take(factors)).astype(np.int64)


def draw_rows(groups: Groups, factors: Ints, values: Ints, uniforms: NDArray[np.float64]) -> Ints:
    """A row of each value of each factor, all its rows equally likely, with replacement.

    factors, values, and uniforms in [0, 1): shapes that broadcast to the result's.
    """
    cells = factors * groups.counts.shape[1] + values
    within = (uniforms * groups.counts.ravel().take(cells)).astype(np.int64)  # take: a third of the time of [cells]
    return groups.order.take(groups.starts.ravel().take(cells) + within)
