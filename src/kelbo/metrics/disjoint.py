"""Rows to learn from and other rows to test on."""

from __future__ import annotations

import numpy as np

from kelbo.errors import ScoreError
from kelbo.metrics.checks import Ints


def disjoint_rows(size: int, train: int, test: int, seed: int) -> tuple[Ints, Ints]:
    """`train` and `test` of `size` row numbers, drawn without replacement, so that no row is in both.

    ScoreError where there are fewer rows than both need, or either is below 1.
    """
    if min(train, test) < 1:
        raise ScoreError(f"Both train and test need rows; got train={train:,}, test={test:,}.")
    if size < train + test:
        raise ScoreError(
            f"train={train:,} and test={test:,} disjoint rows need {train + test:,}; the table has {size:,}. "
            "Encode more images, or lower train and test, and say so beside the score."
        )
    rows = np.random.default_rng(seed).permutation(size)[: train + test]
    return rows[:train], rows[train:]
