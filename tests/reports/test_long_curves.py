"""A curve of very many values is drawn by few points, and none of its peaks is lost."""

import numpy as np
import pytest

from kelbo.reports.figure import PARTS, thinned


@pytest.mark.parametrize("count", [0, 1, 4 * PARTS])
def test_of_few_values_all_are_drawn(count):
    assert thinned(np.zeros(count)).tolist() == list(range(count))


@pytest.mark.parametrize("seed", range(5))
def test_of_many_values_each_part_keeps_its_extremes(seed):
    values = np.random.default_rng(seed).normal(size=50_000).cumsum()
    places = thinned(values)
    assert len(places) <= 2 * PARTS + 2
    assert (np.diff(places) > 0).all()
    assert {0, 49_999, values.argmin(), values.argmax()} <= set(places.tolist())
    between = np.interp(np.arange(50_000), places, values[places])
    whole, drawn = (one.reshape(PARTS, 100) for one in (values, between))
    np.testing.assert_array_equal(drawn.max(1) >= whole.max(1), True)
    np.testing.assert_array_equal(drawn.min(1) <= whole.min(1), True)
