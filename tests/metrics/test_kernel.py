"""Laws of the kernel distance, and its products against two loops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kelbo.errors import ScoreError
from kelbo.metrics.kernel import kernel_distance, squared_mmd


def cloud(rows, seed=0, shift=0.0, dims=5):
    return np.random.default_rng(seed).normal(shift, 1, (rows, dims))


def literally(p, q):
    """Two loops over the definition."""

    def kernel(x, y):
        return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def pairs(x):
        return np.mean([kernel(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j])

    return pairs(p) + pairs(q) - 2 * np.mean([kernel(x, y) for x in p for y in q])


def test_products_give_what_two_loops_do():
    p, q = cloud(23), cloud(17, seed=1, shift=0.5)
    assert squared_mmd(p, q) == pytest.approx(literally(p, q), rel=1e-10)


def test_it_is_symmetric_and_blind_to_rotation_and_order():
    p, q = cloud(60), cloud(50, seed=1, shift=0.5)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    for same in (squared_mmd(q, p), squared_mmd(p @ turn, q @ turn), squared_mmd(p[::-1], q)):
        assert same == pytest.approx(squared_mmd(p, q), rel=1e-9)


def test_fresh_draws_of_one_distribution_are_at_no_distance_in_the_mean():
    values = [squared_mmd(cloud(40, seed=2 * i), cloud(30, seed=2 * i + 1)) for i in range(500)]
    assert abs(np.mean(values)) < 5 * np.std(values) / np.sqrt(500)
    assert min(values) < 0 < max(values)


def test_a_farther_cloud_is_farther():
    values = [kernel_distance(cloud(200), cloud(200, 1, shift), subsets=10, size=100).distance for shift in range(4)]
    assert (np.diff(values) > 0).all()


def test_one_subset_of_everything_is_the_estimate_of_all_rows():
    p, q = cloud(50), cloud(50, seed=1, shift=0.3)
    score = kernel_distance(p, q, subsets=1, size=50)
    assert score.distance == pytest.approx(squared_mmd(p, q))
    assert np.isnan(score.standard_error)
    assert np.isnan(kernel_distance(p, q, subsets=3, size=50).standard_error)


@pytest.mark.parametrize(("subsets", "size"), [(40, 30), (5, 30), (40, 110)])
def test_the_standard_error_is_that_over_new_images(subsets, size):
    scores = [
        kernel_distance(cloud(160, 2 * i), cloud(160, 2 * i + 1, 0.8), subsets=subsets, size=size) for i in range(300)
    ]
    told = np.sqrt(np.mean([score.standard_error**2 for score in scores]))
    assert told == pytest.approx(np.std([score.distance for score in scores]), rel=0.2)


def test_the_same_seed_draws_the_same_subsets():
    p, q = cloud(90), cloud(70, seed=1)
    first, second, other = (kernel_distance(p, q, subsets=4, size=20, seed=seed) for seed in (0, 0, 1))
    assert first == second
    assert first.distance != other.distance


def test_what_float32_holds_is_summed_in_float64():
    p, q = cloud(200, shift=30).astype(np.float32), cloud(200, 1, shift=30).astype(np.float32)
    assert_allclose(squared_mmd(p, q), squared_mmd(p.astype(np.float64), q.astype(np.float64)), rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"^size must be 2 to 30.* got 1,000"),
        ({"size": 1}, "^size must be 2 to 30.* got 1\\."),
        ({"size": 20, "subsets": 0}, "^subsets .* 1; got 0"),
    ],
)
def test_subsets_that_cannot_be_drawn_are_refused(settings, message):
    with pytest.raises(ScoreError, match=message):
        kernel_distance(cloud(40), cloud(30), **settings)


def test_clouds_that_are_not_finite_or_of_two_spaces_are_refused():
    with pytest.raises(ScoreError, match="features_q has 15 values that are not finite"):
        kernel_distance(cloud(9), np.full((3, 5), np.inf), size=2)
    with pytest.raises(ScoreError, match="got 5 and 6"):
        squared_mmd(cloud(9), cloud(9, dims=6))
