import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.metrics import active_units, importance_weighted_bound, mean_and_error


def test_the_standard_error_is_that_of_the_mean():
    values = np.random.default_rng(0).normal(3.0, 2.0, size=10_000)
    mean, error = mean_and_error(values)
    assert abs(mean - 3.0) < 5 * error
    assert error == pytest.approx(0.02, rel=0.05)


def test_a_single_example_has_no_error_rather_than_one_of_zero():
    mean, error = mean_and_error(np.array([2.0]))
    assert mean == 2.0
    assert np.isnan(error)
    assert mean_and_error(np.array([2.0, 2.0])) == (2.0, 0.0)


def test_a_single_example_shows_of_no_latent_whether_it_moves():
    with pytest.raises(ScoreError, match="at least 2 rows"):
        active_units(np.ones((1, 3)))


def test_sums_are_exact_where_float32_would_lose_them():
    values = np.full(100_000, 1e4, np.float32) + np.float32(1 / 64)
    assert mean_and_error(values)[0] == pytest.approx(1e4 + 1 / 64, abs=1e-9)


def test_one_sample_makes_the_bound_the_weight_itself():
    weights = np.random.default_rng(0).normal(-500, 30, size=(9, 1))
    np.testing.assert_allclose(importance_weighted_bound(weights), weights[:, 0])


def test_the_bound_is_the_log_of_the_mean_weight_and_survives_huge_weights():
    weights = np.log(np.array([[1.0, 3.0], [2.0, 2.0]]))
    np.testing.assert_allclose(importance_weighted_bound(weights), np.log([2.0, 2.0]))
    np.testing.assert_allclose(importance_weighted_bound(weights - 5000), np.log([2.0, 2.0]) - 5000)


def test_the_bound_never_falls_below_the_mean_of_its_log_weights():
    weights = np.random.default_rng(1).normal(0, 5, size=(50, 20))
    assert (importance_weighted_bound(weights) >= weights.mean(1)).all()


def test_a_latent_is_active_where_its_mean_moves():
    means = np.random.default_rng(2).normal(size=(1000, 3)) * [1.0, 0.05, 0.2]
    assert active_units(means).tolist() == [True, False, True]
