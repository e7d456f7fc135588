"""Rows that share a value are found and drawn evenly."""

import numpy as np
import pytest
from scipy.stats import chisquare

from kelbo.errors import ScoreError
from kelbo.metrics.groups import draw_rows, draw_values, group_rows

RANKS = np.random.default_rng(0).permutation(np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), 1))


def test_every_row_is_found_by_each_of_its_values():
    groups = group_rows(RANKS)
    for factor, size in enumerate(groups.sizes):
        for value in range(size):
            start, count = groups.starts[factor, value], groups.counts[factor, value]
            rows = groups.order[start : start + count]
            assert rows.tolist() == np.flatnonzero(RANKS[:, factor] == value).tolist()


def test_drawn_rows_have_the_value_and_are_equally_likely():
    uneven = RANKS[RANKS[:, 1] + RANKS[:, 2] < 6]  # values 0 … 4 of the last factor have 12, 12, 12, 9 and 6 rows
    groups, rng = group_rows(uneven), np.random.default_rng(1)
    last = np.full(30_000, 2)
    values = draw_values(groups, last, rng.random(30_000))
    rows = draw_rows(groups, last, values, rng.random(30_000))
    assert (uneven[rows, 2] == values).all()
    assert chisquare(np.bincount(values)).pvalue > 1e-3
    for value in range(5):
        drawn = np.bincount(rows[values == value], minlength=len(uneven))
        assert chisquare(drawn[uneven[:, 2] == value]).pvalue > 1e-3


def test_the_ends_of_the_uniforms_stay_within_the_group():
    groups = group_rows(RANKS)
    for uniform in (0.0, np.nextafter(1, 0)):
        values = draw_values(groups, np.arange(3), np.full(3, uniform))
        rows = draw_rows(groups, np.arange(3), values, np.full(3, uniform))
        assert (RANKS[rows, np.arange(3)] == values).all()


def test_a_value_with_one_row_is_named():
    with pytest.raises(ScoreError, match="^1 values .* value 2 of factor 1"):
        group_rows(np.array([[0, 0], [1, 1], [0, 2], [1, 1], [0, 0]]))
