"""Shares of a latent's variance are those of the closed form."""

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.metrics.factor_shares import factor_shares

FACTORS = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), 1)
FIRST, SECOND, THIRD = (FACTORS - FACTORS.mean(0)).T
"""independent, with the variances 2/3, 5/4 and 2"""


def test_sums_of_factors_have_the_shares_of_their_variances():
    codes = np.stack([FIRST, 3 * FIRST + SECOND, THIRD + 7], 1)
    of_first = 6 / (6 + 5 / 4)
    np.testing.assert_allclose(
        factor_shares(codes, FACTORS), [[1, 0, 0], [of_first, 1 - of_first, 0], [0, 0, 1]], atol=1e-12
    )


def test_a_factor_may_move_a_latent_to_and_fro():
    circle = np.cos(2 * np.pi * FACTORS[:, 1] / 4)
    np.testing.assert_allclose(factor_shares(circle[:, None], FACTORS), [[0, 1, 0]], atol=1e-12)


def test_what_depends_on_two_factors_together_is_neither_ones_share():
    np.testing.assert_allclose(factor_shares((FIRST * SECOND)[:, None], FACTORS), [[0, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9])
def test_a_latent_that_does_not_vary_has_no_shares(constant):
    codes = np.stack([np.full(60, constant), FIRST], 1)
    np.testing.assert_allclose(factor_shares(codes, FACTORS), [[0, 0, 0], [1, 0, 0]], atol=1e-12)


def test_a_latent_of_noise_has_shares_of_about_the_values_over_the_rows():
    rng = np.random.default_rng(0)
    rows = np.tile(FACTORS, (20, 1))
    shares = factor_shares(rng.normal(size=(len(rows), 400)), rows)
    np.testing.assert_allclose(shares.mean(0), np.array([2, 3, 4]) / (len(rows) - 1), rtol=0.15)


def test_a_constant_factor_is_refused():
    with pytest.raises(ScoreError, match="constant"):
        factor_shares(FACTORS[:, :1] * 1.0, FACTORS[:, :1] * 0)
