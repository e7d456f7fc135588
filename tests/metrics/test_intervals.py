"""Intervals cover what they claim to."""

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.metrics.intervals import by_half_samples, of_replicates


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
