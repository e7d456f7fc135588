"""What calibration scores say of decoders that are right, too sure, too wide and biased."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import kstest, norm, poisson, wasserstein_distance

from kelbo.errors import ScoreError
from kelbo.metrics.calibration import central_coverage, integral_transform, uniformity, variance_bins

M = 40_000


def gaussian(says=1.0, mean=0.0, seed=0):
    """Transforms of N(0, 1) pixels under a decoder that says N(mean, says²)."""
    return norm.cdf(np.random.default_rng(seed).normal(size=M), mean, says)


# ── transforms ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mass_of_few_levels_is_uniform_once_randomised():
    x = np.random.default_rng(0).poisson(1.3, M)
    u = integral_transform(poisson.cdf(x, 1.3), poisson.cdf(x - 1, 1.3))
    assert kstest(u, "uniform").pvalue > 1e-3
    assert kstest(integral_transform(poisson.cdf(x, 1.3)), "uniform").pvalue < 1e-9
    assert (integral_transform(poisson.cdf(x, 1.3), poisson.cdf(x - 1, 1.3)) == u).all()


def test_transforms_of_what_are_no_probabilities_are_refused():
    with pytest.raises(ScoreError, match="cdf must be probabilities; got -0.5 to 1.5"):
        integral_transform(np.array([-0.5, 1.5]))
    with pytest.raises(ScoreError, match="cdf has 1 values that are not finite"):
        integral_transform(np.array([0.5, np.nan]))
    with pytest.raises(ScoreError, match=r"below exceeds cdf by up to 0.3"):
        integral_transform(np.array([0.2]), np.array([0.5]))
    with pytest.raises(ScoreError, match=r"^cdf and below .* got \(2,\) and \(1,\)"):
        integral_transform(np.array([0.2, 0.3]), np.array([0.1]))


# ── uniformity ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_calibrated_gaussian_is_uniform_within_chance():
    scores = [uniformity(gaussian(seed=seed)) for seed in range(50)]
    told = np.array([score.total_variation for score in scores])
    assert abs(told.mean() - scores[0].chance) < 5 * told.std() / np.sqrt(50)
    assert max(score.kolmogorov_smirnov for score in scores) < 2.2 / np.sqrt(M)
    assert max(score.wasserstein for score in scores) < 1.5 / np.sqrt(M)
    assert max(score.miscalibration_area for score in scores) < 1.5 / np.sqrt(M)


def test_an_overconfident_gaussian_is_a_u_and_a_wide_one_a_hump():
    u, hump = (uniformity(gaussian(says), bins=6).histogram for says in (0.5, 2.0))
    assert (np.diff(u)[:2] < 0).all()
    assert (np.diff(u)[3:] > 0).all()
    assert (np.diff(hump)[:2] > 0).all()
    assert (np.diff(hump)[3:] < 0).all()


def test_a_bias_is_a_slope_which_intervals_see_less_than_the_transform():
    score = uniformity(gaussian(mean=0.3))
    assert score.histogram[0] > 1.5 * score.histogram[-1]
    assert score.wasserstein > 0.08
    assert score.miscalibration_area < 0.25 * score.wasserstein


def test_distances_are_those_of_scipy():
    u = gaussian(says=0.8, mean=0.1)[:500]
    score = uniformity(u)
    assert score.kolmogorov_smirnov == pytest.approx(kstest(u, "uniform").statistic)
    even = (np.arange(200_000) + 0.5) / 200_000
    assert score.wasserstein == pytest.approx(wasserstein_distance(u, even), abs=1e-5)
    assert score.miscalibration_area == pytest.approx(wasserstein_distance(np.abs(2 * u - 1), even), abs=1e-5)
    assert score.histogram.sum() == pytest.approx(1)


def test_values_at_one_end_are_as_far_as_can_be():
    score = uniformity(np.zeros(10))
    assert score.total_variation == pytest.approx(0.95)
    assert score.kolmogorov_smirnov == 1
    assert score.wasserstein == pytest.approx(0.5)
    assert uniformity(np.full(10, 0.5)).wasserstein == pytest.approx(0.25)


# ── coverage ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_central_intervals_cover_what_the_normal_says():
    for says in (0.5, 1.0, 2.0):
        coverage = central_coverage(gaussian(says))
        expected = 2 * norm.cdf(says * norm.ppf((1 + coverage.levels) / 2)) - 1
        assert_allclose(coverage.levels, [0.5, 0.8, 0.9, 0.95])
        assert (np.abs(coverage.shares - expected) < 5 * coverage.standard_errors + 1e-9).all()
        assert_allclose(coverage.standard_errors, np.sqrt(expected * (1 - expected) / M), rtol=0.2, atol=1e-5)


def test_errors_over_images_know_that_their_pixels_hang_together():
    rng = np.random.default_rng(0)
    shares, errors = [], []
    for _ in range(200):
        images = norm.cdf(np.sqrt(0.5) * (rng.normal(size=(60, 1)) + rng.normal(size=(60, 25))))
        coverage = central_coverage(images, (0.8,))
        shares.append(coverage.shares[0])
        errors.append(coverage.standard_errors[0])
    assert np.mean(errors) == pytest.approx(np.std(shares), rel=0.2)
    assert central_coverage(images.ravel(), (0.8,)).standard_errors[0] < 0.6 * np.mean(errors)
    assert np.isnan(central_coverage(images[:1]).standard_errors).all()


# ── variances ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_predicted_variances_meet_their_errors_where_they_are_true():
    rng = np.random.default_rng(0)
    variance = rng.gamma(1.0, size=M)
    error = np.sqrt(variance) * rng.normal(size=M)
    bins = variance_bins(variance, error)
    assert bins.counts.tolist() == [M // 10] * 10
    assert (np.diff(bins.predicted) > 0).all()
    assert (np.abs(bins.ratio - 1) < 5 * bins.standard_error).all()
    assert_allclose(bins.standard_error, np.sqrt(2 / bins.counts), rtol=0.35)
    assert_allclose(variance_bins(variance / 4, error).ratio, 4 * bins.ratio)


def test_bins_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    variance, error = rng.gamma(1.0, size=(7, 30)), rng.normal(size=(7, 30))
    bins = variance_bins(variance, error, bins=4)
    order = np.argsort(variance, axis=None)
    for number, rows in enumerate(np.split(order, np.cumsum(bins.counts)[:-1])):
        v, e = variance.ravel()[rows], error.ravel()[rows] ** 2
        assert bins.predicted[number] == pytest.approx(v.mean())
        assert bins.observed[number] == pytest.approx(e.mean())
        images = [(rows // 30) == image for image in range(7)]
        rest = [(e[image] - e.sum() / v.sum() * v[image]).sum() for image in images]
        assert bins.standard_error[number] == pytest.approx(np.sqrt(np.square(rest).sum() * 7 / 6) / v.sum())
    assert abs(bins.counts - 210 / 4).max() < 1


def test_the_ratios_error_is_that_over_images():
    rng = np.random.default_rng(2)
    ratios, errors = [], []
    for _ in range(300):
        own = np.sqrt(rng.gamma(2.0, 0.5, size=(50, 1)))  # each image is harder or easier as a whole
        bins = variance_bins(np.ones((50, 20)), own * rng.normal(size=(50, 20)))
        ratios.append(bins.ratio[0])
        errors.append(bins.standard_error[0])
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.2)


def test_one_sigma_has_one_bin_and_ties_are_kept_together():
    error = np.random.default_rng(0).normal(size=100)
    assert variance_bins(np.ones(100), error).counts.tolist() == [100]
    assert variance_bins(np.repeat([1.0, 2.0, 3.0], [10, 80, 10]), error).counts.tolist() == [10, 80, 10]
    assert np.isnan(variance_bins(np.ones((1, 9)), error[:9].reshape(1, 9)).standard_error).all()


@pytest.mark.parametrize(
    ("variance", "error", "message"),
    [
        (np.array([1.0, 0.0]), np.ones(2), "^variance .*; 1 values are not, the least is 0"),
        (np.ones(3), np.ones(2), r"got \(3,\) and \(2,\)"),
        (np.ones(2), np.array([1.0, np.inf]), "error has 1 values that are not finite"),
        (np.ones((2, 2, 2)), np.ones((2, 2, 2)), r"variance must be \(M,\)"),
        (np.ones(0), np.ones(0), r"got shape \(0,\)"),
    ],
)
def test_what_is_no_prediction_is_refused(variance, error, message):
    with pytest.raises(ScoreError, match=message):
        variance_bins(variance, error)


def test_senseless_settings_are_refused():
    with pytest.raises(ScoreError, match="^bins .* 2; got 1"):
        uniformity(np.ones(3), bins=1)
    with pytest.raises(ScoreError, match="^bins .* 1; got 0"):
        variance_bins(np.ones(3), np.ones(3), bins=0)
    with pytest.raises(ScoreError, match="between 0 and 1; got"):
        central_coverage(np.ones(3), (50, 80))
