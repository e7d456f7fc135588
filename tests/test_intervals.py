"""Intervals cover what they claim to."""

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.intervals import by_half_samples, margin, of_replicates


def test_intervals_of_replicates_cover_the_mean_as_often_as_they_say():
    draws = np.random.default_rng(0).normal(3, 2, (2000, 8))
    covered = [score.low < 3 < score.high for score in map(of_replicates, draws)]
    assert abs(np.mean(covered) - 0.95) < 5 * np.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize("size", [60, 61])
@pytest.mark.parametrize("statistic", [np.mean, np.std], ids=["mean", "deviation"])
def test_half_samples_know_the_spread_over_new_data(statistic, size):
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(600, size))
    truth = np.std([statistic(sample) for sample in samples])
    scores = [by_half_samples(lambda rows, x=x: float(statistic(x[rows])), size, replicates=30) for x in samples]
    told = np.mean([(score.high - score.low) / 2 for score in scores]) / 2.045  # the t quantile of 29 degrees
    assert told == pytest.approx(truth, rel=0.12)


def test_the_value_is_that_of_all_rows():
    x = np.arange(10.0)
    assert by_half_samples(lambda rows: float(x[rows].sum()), 10).value == 45


def test_one_replicate_has_no_interval():
    assert np.isnan(of_replicates([0.5]).low)


def test_too_few_rows_are_named():
    with pytest.raises(ScoreError, match="got 3 rows"):
        by_half_samples(len, 3)


@pytest.mark.parametrize("same", [0.0, 1.0, 0.1])
def test_an_interval_that_the_numbers_cannot_tell_is_nan(same):
    for score in (of_replicates([same] * 7), by_half_samples(lambda _: same, 8)):
        assert score.value == pytest.approx(same)
        assert np.isnan([score.low, score.high]).all()
    assert np.isfinite(of_replicates([same, same + 1e-6]).low)


@pytest.mark.parametrize(("error", "count"), [(0.1, 1), (0.0, 50), (float("nan"), 50), (float("inf"), 50)])
def test_no_margin_is_told_by_one_example_nor_without_a_finite_error(error, count):
    assert np.isnan(margin(error, count))


@pytest.mark.parametrize(("count", "quantile"), [(2, 12.7062), (5, 2.7764), (10_000, 1.9602)])
def test_a_margin_is_the_wider_the_fewer_examples_tell_it(count, quantile):
    assert margin(0.5, count) == pytest.approx(0.5 * quantile, rel=1e-4)
