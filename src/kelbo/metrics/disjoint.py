"""Disjoint training and test rows."""

from __future__ import annotations

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Ints


def disjoint_rows(size: int, train: int, test: int, seed: int) -> tuple[Ints, Ints]:
    """`train` and `test` row numbers below `size`, drawn without replacement, so that no row is in both.

    Raises ScoreError if there are fewer than train + test rows, or either is below 1.
    """
    if min(train, test) < 1:
        raise ScoreError(f"train and test must be at least 1; got train={train:,}, test={test:,}.")
    if size < train + test:
        raise ScoreError(
            f"train={train:,} and test={test:,} need {train + test:,} rows; the table has {size:,}. "
            "Encode more images, or lower train and test and report them with the score."
        )
    rows = np.random.default_rng(seed).permutation(size)[: train + test]
    return rows[:train], rows[train:]
