"""Laws of the Fréchet distance, and its fast form against the defining one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

from kelbo.errors import ScoreError
from kelbo.metrics.frechet import FeatureMoments, frechet_distance, frechet_of


def cloud(rows, dims, seed=0, shift=0.0):
    """Correlated features whose scales span two orders, as those of a network do."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(dims, dims)))[0]
    return rng.normal(size=(rows, dims)) * np.geomspace(0.1, 10, dims) @ turn + shift


def gaussian(features):
    return features.mean(0), np.cov(features, rowvar=False)


def literally(p, q):
    """By the definition, with a square root of the product itself."""
    (mean_p, cov_p), (mean_q, cov_q) = gaussian(p), gaussian(q)
    root = scipy.linalg.sqrtm(cov_p @ cov_q)
    return np.square(mean_p - mean_q).sum() + np.trace(cov_p + cov_q - 2 * root.real)


def test_the_trace_is_that_of_the_matrix_square_root():
    p, q = cloud(400, 60), cloud(300, 60, seed=1, shift=0.3)
    result = frechet_distance(*gaussian(p), *gaussian(q))
    assert_allclose(result.distance, literally(p, q), rtol=1e-9)
    assert result.method == "cholesky"
    assert not result.rank_deficient
    assert result.distance == result.mean_term + result.covariance_term


def test_a_cloud_is_at_no_distance_from_itself():
    for rows in (20, 31, 400):
        p = cloud(rows, 30)
        assert frechet_of(p, p).distance < 1e-9 * np.square(p).sum(1).mean()
        assert frechet_distance(*gaussian(p), *gaussian(p)).distance < 1e-6 * np.square(p).sum(1).mean()


@pytest.mark.parametrize(("rows_p", "rows_q"), [(200, 150), (12, 150), (12, 17), (25, 25)])
def test_it_is_symmetric_and_blind_to_rotation_and_order(rows_p, rows_q):
    p, q = cloud(rows_p, 24), cloud(rows_q, 24, seed=1)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(24, 24)))[0]
    distance = frechet_of(p, q).distance
    for same in (frechet_of(q, p), frechet_of(p @ turn, q @ turn), frechet_of(p[::-1], q)):
        assert_allclose(same.distance, distance, rtol=1e-8)


def test_a_shift_is_seen_in_the_mean_term_alone():
    p, q = cloud(200, 24), cloud(150, 24, seed=1)
    assert_allclose(frechet_of(p + 3, q).covariance_term, frechet_of(p, q).covariance_term, rtol=1e-9)
    assert_allclose(frechet_of(p, p + 3).mean_term, 9 * 24, rtol=1e-9)


def test_its_root_obeys_the_triangle_inequality():
    clouds = [cloud(rows, 8, seed=rows, shift=rows / 30) for rows in (4, 6, 30, 50, 90)]
    d = np.sqrt([[frechet_of(p, q).distance for q in clouds] for p in clouds])
    assert (d[:, None, :] <= d[:, :, None] + d[None, :, :] + 1e-6).all()


@pytest.mark.parametrize(("rows_p", "rows_q", "method"), [(40, 30, "eigen"), (400, 30, "cholesky")])
def test_few_features_give_what_their_singular_covariances_do_and_say_so(rows_p, rows_q, method):
    p, q = cloud(rows_p, 60), cloud(rows_q, 60, seed=1)
    low, full = frechet_of(p, q), frechet_distance(*gaussian(p), *gaussian(q))
    assert (low.method, full.method) == ("low-rank", method)
    assert low.rank_deficient
    assert full.rank_deficient
    assert_allclose(full.distance, low.distance, rtol=1e-6)


def test_few_features_have_the_trace_that_a_vanishing_ridge_approaches():
    p, q = cloud(40, 60), cloud(30, 60, seed=1)
    (mean_p, cov_p), (mean_q, cov_q) = gaussian(p), gaussian(q)
    ridge = 1e-10 * np.eye(60)
    with_ridge = frechet_distance(mean_p, cov_p + ridge, mean_q, cov_q + ridge)
    assert with_ridge.method == "cholesky"
    assert_allclose(frechet_of(p, q).distance, with_ridge.distance, rtol=1e-4)


def test_features_that_never_vary_leave_the_rest():
    p, q = cloud(200, 10), cloud(150, 10, seed=1)
    dead = frechet_of(np.insert(p, 3, 0.5, 1), np.insert(q, 3, 0.5, 1))
    assert dead.rank_deficient
    assert_allclose(dead.distance, frechet_of(p, q).distance, rtol=1e-7)
    zero = frechet_distance(np.zeros(3), np.zeros((3, 3)), np.ones(3), np.zeros((3, 3)))
    assert zero.distance == 3


def test_spaces_without_a_direction_in_common_are_told_apart():
    apart = frechet_distance(np.zeros(2), np.diag([4.0, 0.0]), np.zeros(2), np.diag([0.0, 9.0]))
    assert apart.distance == pytest.approx(13)


def test_moments_of_batches_are_those_of_the_whole_in_any_division():
    x = cloud(1000, 12, shift=1e4).astype(np.float32)
    mean, cov = gaussian(x.astype(np.float64))
    for cuts in ([], [1], [0, 3, 500], [999]):
        parts = [FeatureMoments.of(part) for part in np.split(x, cuts)]
        whole = FeatureMoments(12)
        for part in parts[::-1]:
            whole.merge(part)
        assert whole.count == 1000
        assert_allclose(whole.mean, mean, rtol=1e-12)
        assert_allclose(whole.covariance(), cov, rtol=1e-9, atol=1e-9 * np.abs(cov).max())


def test_merged_parts_stay_as_they_are():
    part = FeatureMoments.of(cloud(50, 3))
    before = part.scatter.copy()
    whole = FeatureMoments(3)
    whole.merge(part)
    whole.update(cloud(9, 3))
    assert (part.scatter == before).all()
    assert part.count == 50


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        (cloud(1, 3), cloud(9, 3), "features_p must have at least 2 rows; got 1"),
        (cloud(9, 3), cloud(9, 4), "got 3 and 4"),
        (cloud(9, 3), np.full((9, 3), np.nan), "features_q has 27 values that are not finite"),
        (cloud(9, 3), np.zeros(9), "features_q must be a table"),
    ],
)
def test_clouds_without_a_distance_are_named(p, q, message):
    with pytest.raises(ScoreError, match=message):
        frechet_of(p, q)


@pytest.mark.parametrize(
    ("cov", "message"),
    [
        (np.array([[1.0, 0.5], [0.0, 1.0]]), "^cov_p must be symmetric.* 0.5"),
        (np.diag([1.0, -1.0]), "negative eigenvalue"),
        (np.full((2, 2), np.nan), "has NaN or ∞"),
        (np.eye(3), r"must be \(d,\) and \(d, d\); got \(2,\) and \(3, 3\)"),
    ],
)
def test_what_is_no_covariance_is_refused(cov, message):
    for other in (np.eye(2), np.diag([1.0, 0.0])):
        with pytest.raises(ScoreError, match=message):
            frechet_distance(np.zeros(2), cov, np.zeros(2), other)


def test_gaussians_of_two_spaces_and_moments_of_too_little_are_refused():
    with pytest.raises(ScoreError, match="dimensions; got 2 and 3"):
        frechet_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))
    with pytest.raises(ScoreError, match="needs at least 2 rows; got 1"):
        FeatureMoments.of(np.ones((1, 2))).covariance()
    with pytest.raises(ScoreError, match="3 columns; got 2"):
        FeatureMoments(3).update(np.ones((4, 2)))
    with pytest.raises(ScoreError, match="of 3 and of 2 features"):
        FeatureMoments(3).merge(FeatureMoments(2))
