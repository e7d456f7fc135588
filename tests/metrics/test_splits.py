"""No row is learned from and tested on."""

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.metrics.disjoint import disjoint_rows


def test_no_row_is_in_both():
    train, test = disjoint_rows(10, 6, 4, seed=0)
    assert sorted([*train, *test]) == list(range(10))
    assert len(train) == 6


def test_a_seed_decides():
    first, again, other = (np.concatenate(disjoint_rows(100, 60, 40, seed=seed)) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_too_few_rows_are_named_with_what_is_needed():
    with pytest.raises(ScoreError, match=r"^train=10,000 and test=5,000 need 15,000 rows; the table has 9,000"):
        disjoint_rows(9000, 10_000, 5_000, seed=0)
    with pytest.raises(ScoreError, match="got train=10, test=0"):
        disjoint_rows(9000, 10, 0, seed=0)
