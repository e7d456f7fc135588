"""Laws of precision, recall, density and coverage, and their products against loops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kelbo.errors import ScoreError
from kelbo.metrics import prdc as module
from kelbo.metrics.prdc import prdc_of


def cloud(rows, seed=0, shift=0.0, dims=4):
    return np.random.default_rng(seed).normal(shift, 1, (rows, dims))


def literally(p, q, k):
    """Loops over the definitions, of distances by difference."""

    def ball(points, i):
        return sorted(np.linalg.norm(points[i] - other) for j, other in enumerate(points) if j != i)[k - 1]

    around_p, around_q = [ball(p, i) for i in range(len(p))], [ball(q, j) for j in range(len(q))]
    inside_p = np.array([[np.linalg.norm(y - x) < r for y in q] for x, r in zip(p, around_p, strict=True)])
    inside_q = np.array([[np.linalg.norm(y - x) < r for y, r in zip(q, around_q, strict=True)] for x in p])
    return inside_p.any(0).mean(), inside_q.any(1).mean(), inside_p.sum() / (k * len(q)), inside_p.any(1).mean()


@pytest.mark.parametrize(("k", "shift"), [(1, 0.5), (3, 0.0), (5, 1.0)])
def test_products_give_what_loops_do(k, shift, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 16)
    p, q = cloud(61), cloud(45, seed=1, shift=shift)
    assert_allclose(prdc_of(p, q, k), literally(p, q, k))


def test_a_cloud_is_all_like_itself():
    """Each point is in its own ball and in those it is strictly nearer than k-th to: k of them in the mean."""
    for k in (1, 3, 5):
        assert prdc_of(cloud(200), cloud(200), k) == (1, 1, 1, 1)


def test_ties_are_not_nearer_wherever_the_cloud_lies():
    grid = np.stack(np.meshgrid(range(5), range(5)), -1).reshape(-1, 2)
    for place in (0, 1e3 / 3, -77.7):
        assert prdc_of(grid + place, grid + place, k=1) == (1, 1, 1, 1)
    assert prdc_of(np.zeros((9, 2)), np.zeros((9, 2)), k=3) == (0, 0, 0, 0)


def test_clouds_far_apart_share_nothing():
    assert prdc_of(cloud(100), cloud(80, seed=1, shift=50)) == (0, 0, 0, 0)


def test_all_are_blind_to_rotation_shift_scale_and_order():
    p, q = cloud(100), cloud(80, seed=1, shift=0.5)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0]
    for a, b in ((p @ turn, q @ turn), (p + 9, q + 9), (1e-3 * p, 1e-3 * q), (p[::-1], q[::-1])):
        assert_allclose(prdc_of(a, b), prdc_of(p, q))


def test_precision_and_recall_change_places_with_the_clouds():
    p, q = cloud(100), cloud(80, seed=1, shift=0.5)
    there, back = prdc_of(p, q), prdc_of(q, p)
    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_samples_of_one_mode_are_precise_and_not_various():
    p = np.concatenate([cloud(200), cloud(200, 1, shift=20)])
    score = prdc_of(p, cloud(400, seed=2))
    assert score.precision > 0.9
    assert score.density > 0.9
    assert score.recall < 0.55
    assert score.coverage < 0.55


def test_an_outlier_among_the_data_fools_precision_and_not_density():
    p, q = cloud(300), cloud(300, seed=1, shift=4)
    fooled = np.concatenate([p, np.full((1, 4), 6.0)])
    assert prdc_of(fooled, q).precision > prdc_of(p, q).precision + 0.5
    assert prdc_of(fooled, q).density < prdc_of(p, q).density + 0.25


def test_an_outlier_among_the_samples_fools_recall_and_not_coverage():
    p, q = cloud(300, shift=4), cloud(300, seed=1)
    fooled = np.concatenate([q, np.full((1, 4), 6.0)])
    assert prdc_of(p, fooled).recall > prdc_of(p, q).recall + 0.5
    assert prdc_of(p, fooled).coverage < prdc_of(p, q).coverage + 0.05


def test_what_has_no_neighbours_is_refused():
    with pytest.raises(ScoreError, match="samples must have at least 6 rows; got 5"):
        prdc_of(cloud(9), cloud(5))
    with pytest.raises(ScoreError, match="^k .* 1; got 0"):
        prdc_of(cloud(9), cloud(9), 0)
    with pytest.raises(ScoreError, match="got 4 and 3"):
        prdc_of(cloud(9), cloud(9, dims=3))
    with pytest.raises(ScoreError, match="reference has 36 values that are not finite"):
        prdc_of(np.full((9, 4), np.nan), cloud(9))
