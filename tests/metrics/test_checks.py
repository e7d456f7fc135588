"""Bad arrays are named, with what to do."""

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.metrics.checks import codes_and_factors, finite_table

CODES = np.random.default_rng(0).normal(size=(6, 2))
FACTORS = np.array([[0, 5], [1, 7], [0, 5], [1, 9], [0, 5], [1, 7]])


def test_factors_become_ranks_of_their_values():
    _, ranks = codes_and_factors(CODES, FACTORS)
    assert ranks.tolist() == [[0, 0], [1, 1], [0, 0], [1, 2], [0, 0], [1, 1]]


def test_a_nan_is_named_with_its_place():
    codes = CODES.copy()
    codes[4, 1] = np.nan
    with pytest.raises(ScoreError, match=r"^codes has 1 .* nan, is in row 4, column 1"):
        codes_and_factors(codes, FACTORS)


def test_lengths_must_match():
    with pytest.raises(ScoreError, match="got 5 and 6 rows"):
        codes_and_factors(CODES[:5], FACTORS)


def test_a_factor_of_one_value_is_named():
    with pytest.raises(ScoreError, match="^Factor 1 is 3 in all 6 rows"):
        codes_and_factors(CODES, np.stack([FACTORS[:, 0], np.full(6, 3)], 1))


def test_a_factor_with_fractions_is_refused():
    with pytest.raises(ScoreError, match="column 0 has fractions"):
        codes_and_factors(CODES, FACTORS + 0.5)


@pytest.mark.parametrize("table", [np.zeros(3), np.zeros((3, 0)), np.array([["a"], ["b"]]), np.zeros((1, 2))])
def test_what_is_no_table_of_numbers_is_refused(table):
    with pytest.raises(ScoreError, match="codes must"):
        finite_table("codes", table)


@pytest.mark.parametrize("spread", [1, 50_000])
def test_ranks_follow_the_order_of_values_whatever_their_distance(spread):
    factors = np.array([[9, -4], [2, 0], [9, 3], [2, -4], [5, 3], [5, 0]]) * spread
    _, ranks = codes_and_factors(CODES, factors.astype(np.int32))
    assert ranks.T.tolist() == [[2, 0, 2, 0, 1, 1], [0, 1, 2, 0, 2, 1]]


def test_huge_finite_codes_are_taken():
    assert finite_table("codes", np.full((4, 2), 1e308)).shape == (4, 2)
