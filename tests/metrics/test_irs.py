"""A latent that only its factor moves is robust; what others move is not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kelbo.errors import ScoreError
from kelbo.metrics.irs import irs

RNG = np.random.default_rng(0)
FACTORS = np.stack(np.unravel_index(np.tile(np.arange(60), 10), (3, 4, 5)), 1)  # every combination, ten times
NOISE = RNG.normal(size=(600, 4))


def literal(codes, factors, quantile=0.99):
    scores, sizes = [], []
    for latent in codes.T:
        furthest = max(abs(z - latent.mean()) for z in latent)
        if furthest == 0:
            continue
        robust = []
        for factor in factors.T:
            deviations = []
            for value in set(factor):
                group = latent[factor == value]
                deviations.append(np.quantile([abs(z - group.mean()) for z in group], quantile))
            robust.append(1 - np.mean(deviations) / furthest)
        scores.append(max(robust))
        sizes.append(furthest)
    return np.dot(scores, sizes) / np.sum(sizes)


@pytest.mark.parametrize("quantile", [0.99, 1.0, 0.5])
def test_it_is_the_definition_spelt_out(quantile):
    codes = FACTORS @ RNG.normal(size=(3, 4)) + NOISE
    assert irs(codes, FACTORS, quantile=quantile).value == pytest.approx(literal(codes, FACTORS, quantile))


def test_a_factor_each_scores_one_whatever_their_scale_and_order():
    assert irs(FACTORS[:, ::-1] * [1, 50, -3] + 7, FACTORS).value == 1


def test_what_all_factors_move_is_less_robust_than_what_one_moves():
    one, all_of_them = irs(FACTORS + 0.1 * NOISE[:, :3], FACTORS), irs(FACTORS @ np.ones((3, 2)), FACTORS)
    assert one.value > all_of_them.value + 0.2


def test_noise_scores_low():
    assert irs(RNG.uniform(size=(20_000, 3)), RNG.integers(0, 3, (20_000, 2))).value < 0.02


def test_a_constant_latent_weighs_nothing():
    with_constant = irs(np.column_stack([NOISE, np.full(600, 0.1)]), FACTORS)
    assert with_constant.value == pytest.approx(irs(NOISE, FACTORS).value)
    assert with_constant.weights[4] == 0
    assert_allclose(with_constant.robustness[4], 0)


def test_constant_codes_score_zero():
    assert irs(np.full((600, 2), 0.1), FACTORS).value == 0


def test_the_order_of_rows_does_not_matter():
    rows = RNG.permutation(600)
    assert irs(NOISE[rows], FACTORS[rows]).value == pytest.approx(irs(NOISE, FACTORS).value)


def test_a_value_of_one_row_is_refused():
    rare = FACTORS.copy()
    rare[0, 1] = 9
    with pytest.raises(ScoreError, match="^Factor 1 has 1 values with only one row"):
        irs(NOISE, rare)


@pytest.mark.parametrize("quantile", [0.0, 1.5, float("nan")])
def test_a_quantile_that_is_none_is_refused(quantile):
    with pytest.raises(ScoreError, match="quantile must be"):
        irs(NOISE, FACTORS, quantile=quantile)
