"""Kernel distance, density and coverage where they are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from kelbo.metrics.kernel import squared_mmd
from kelbo.metrics.prdc import prdc_of


def test_in_one_dimension_the_kernel_compares_three_moments():
    """(xy + 1)³ has the features 1, √3 x, √3 x², x³, so MMD² is a sum of squared differences of moments."""
    rng = np.random.default_rng(0)
    values = [squared_mmd(rng.normal(0, 1, (40, 1)), rng.normal(0.5, 1, (30, 1))) for _ in range(3000)]
    moments = np.array([0.5, 1 + 0.5**2, 3 * 0.5 + 0.5**3]) - [0, 1, 0]
    expected = (np.array([3, 3, 1]) * moments**2).sum()
    assert abs(np.mean(values) - expected) < 5 * np.std(values) / np.sqrt(3000)


@pytest.mark.parametrize(("n", "m", "k"), [(60, 60, 5), (50, 80, 3), (80, 40, 1)])
def test_between_equal_distributions_density_is_one_and_coverage_a_product(n, m, k):
    """All orders of n - 1 neighbours and m samples by distance are equally likely (Naeem et al., 2020, lemma 2)."""
    rng = np.random.default_rng(1)
    scores = np.array([prdc_of(rng.normal(size=(n, 8)), rng.normal(size=(m, 8)), k) for _ in range(400)])
    missed = np.prod([(n - i) / (n + m - i) for i in range(1, k + 1)])
    error = scores.std(0) / np.sqrt(400)
    assert abs(scores[:, 3].mean() - (1 - missed)) < 5 * error[3]
    assert abs(scores[:, 2].mean() - 1) < 5 * error[2]
