"""Gaps are those of the informations, and continuous informations those of the mixtures."""

import sys

import numpy as np
import pytest
from scipy.stats import norm

from kelbo.errors import ScoreError
from kelbo.metrics.mig import continuous_mig, mig
from kelbo.metrics.mutual_information import mutual_information

module = sys.modules["kelbo.metrics.mig"]  # the room exports a function of the same name

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, [2, 3], (200, 2))
MEANS = np.stack([FACTORS[:, 0] * 1.0, FACTORS[:, 1] + 0.5 * RNG.normal(size=200), RNG.normal(size=200)], 1)
SCALES = RNG.uniform(0.2, 0.9, MEANS.shape)


def test_the_gap_is_of_the_best_two_over_the_entropy():
    score = mig(MEANS, FACTORS)
    slow = []
    for factor in range(2):
        best = sorted(mutual_information(MEANS, FACTORS)[:, factor], reverse=True)
        shares = np.bincount(FACTORS[:, factor]) / 200
        slow.append((best[0] - best[1]) / -(shares * np.log(shares)).sum())
    np.testing.assert_allclose(score.gaps, slow, atol=1e-12)
    assert score.value == pytest.approx(np.mean(slow))
    np.testing.assert_array_equal(score.information, mutual_information(MEANS, FACTORS))


def test_one_latent_has_its_whole_information_as_gap():
    score = mig(FACTORS[:, :1] * 1.0, FACTORS)
    assert score.gaps[0] == pytest.approx(1)


def test_a_factor_of_more_values_than_bins_cannot_reach_one():
    factors = np.stack([np.arange(6400) % 32, np.arange(6400) // 32 % 2], 1)
    assert mig(factors * 1.0, factors).gaps[0] == pytest.approx(
        (12 * 2 * 4 + 8 * 5) / (32 * 5)
    )  # 12 bins hold two values, 8 one


def entropy_one_density_at_a_time(means, scales, noise, samples):
    """-E log of the mixture, one latent, over the first `samples` draws."""
    logs = [
        np.log(np.mean([norm.pdf(means[n] + scales[n] * noise[n], m, s) for m, s in zip(means, scales, strict=True)]))
        for n in range(min(samples, len(means)))
    ]
    return -np.mean(logs)


@pytest.mark.parametrize("samples", [25, 1000])
def test_entropies_are_those_of_one_density_at_a_time(samples, monkeypatch):
    noise = RNG.normal(size=MEANS.shape)
    rows = RNG.permutation(200)[:70]
    slow = [entropy_one_density_at_a_time(MEANS[rows, k], SCALES[rows, k], noise[rows, k], samples) for k in range(3)]
    np.testing.assert_allclose(module._entropies(MEANS, SCALES, noise, rows, samples), slow, rtol=1e-10)
    monkeypatch.setattr(module, "BLOCK", 300)
    np.testing.assert_allclose(module._entropies(MEANS, SCALES, noise, rows, samples), slow, rtol=1e-10)


def test_continuous_informations_are_those_of_the_integral():
    """Posteriors N(v, 0.5²) for v = 0, 1: the information of a mixture of two, by quadrature; none on the other factor."""
    factors = np.stack([np.arange(3000) % 2, np.arange(3000) // 2 % 2], 1)
    means = np.stack([factors[:, 0], np.zeros(3000)], 1).astype(float)
    x = np.linspace(-5, 6, 20_001)
    mixture = (norm.pdf(x, 0, 0.5) + norm.pdf(x, 1, 0.5)) / 2
    truth = np.trapezoid(-mixture * np.log(mixture), x) - 0.5 * np.log(2 * np.pi * np.e * 0.25)
    score = continuous_mig(means, np.full(means.shape, 0.5), factors)
    assert score.information[0, 0] == pytest.approx(truth, abs=0.03)
    assert np.abs(score.information[[0, 1, 1], [1, 0, 1]]).max() < 1e-3
    assert score.gaps[0] == pytest.approx(truth / np.log(2), abs=0.05)


def test_a_narrow_posterior_tells_all_and_a_wide_one_nothing():
    means = FACTORS * 1.0
    assert continuous_mig(means, np.full(means.shape, 1e-3), FACTORS).value == pytest.approx(1, abs=0.05)
    assert continuous_mig(means, np.full(means.shape, 1e3), FACTORS).value < 0.01


def test_extreme_scales_stay_finite():
    scales = np.where(RNG.random(MEANS.shape) < 0.5, 1e-12, 1e12)
    assert np.isfinite(continuous_mig(MEANS, scales, FACTORS).information).all()


@pytest.mark.parametrize(
    ("scales", "reason"),
    [
        (np.ones((200, 2)), r"\(200, 3\); got shape \(200, 2\)"),
        (np.zeros_like(MEANS), "smallest value 0"),
        (np.full_like(MEANS, -1), "smallest value -1"),
    ],
)
def test_scales_that_are_no_deviations_are_refused(scales, reason):
    with pytest.raises(ScoreError, match=f"^scales .*{reason}"):
        continuous_mig(MEANS, scales, FACTORS)
