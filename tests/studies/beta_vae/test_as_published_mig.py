"""The information gap of the study's code is what its own words compute."""

import numpy as np
import pytest
from scipy.stats import norm

from kelbo.metrics.mig import continuous_mig
from kelbo.studies.beta_vae import as_published_mig
from kelbo.studies.beta_vae.as_published_mig import continuous_mig_as_published

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, [2, 3], (200, 2))
MEANS = np.stack([FACTORS[:, 0] * 1.0, FACTORS[:, 1] + 0.5 * RNG.normal(size=200), RNG.normal(size=200)], 1)
SCALES = RNG.uniform(0.2, 0.9, MEANS.shape)


def test_a_latents_density_is_evaluated_at_the_means_of_all_latents(monkeypatch):
    """The means (S, K) read row after row as (K, S), and each latent's mixture evaluated at what then stands in its row."""
    rows, samples = RNG.permutation(200)[:70], 50
    scrambled = MEANS[rows][:samples].reshape(3, samples)
    slow = [
        -np.mean([np.log(norm.pdf(z, MEANS[rows, k], SCALES[rows, k]).mean()) for z in scrambled[k]]) for k in range(3)
    ]
    np.testing.assert_allclose(as_published_mig._entropies(MEANS, SCALES, rows, samples), slow, rtol=1e-10)
    monkeypatch.setattr(as_published_mig, "BLOCK", 300)
    np.testing.assert_allclose(as_published_mig._entropies(MEANS, SCALES, rows, samples), slow, rtol=1e-10)


def gap_by_hand(means, scales, factors, rng):
    """The gap as the published code has it, from its own words: means for draws, every entropy in an order of its own."""
    count, latents = means.shape

    def entropies(rows):
        values = means[rng.permutation(rows)].reshape(latents, len(rows))
        z = (values[:, :, None] - means[rows].T[:, None]) / scales[rows].T[:, None]
        densities = np.exp(-z * z / 2) / (np.sqrt(2 * np.pi) * scales[rows].T[:, None])
        return -np.log(densities.mean(2)).mean(1)

    whole, gaps = entropies(np.arange(count)), []
    for column in factors.T:
        groups = [np.flatnonzero(column == value) for value in range(column.max() + 1)]
        informations = (whole - sum(len(rows) / count * entropies(rows) for rows in groups)).clip(0)
        best = np.sort([0, *informations])
        shares = np.bincount(column) / count
        gaps.append((best[-1] - best[-2]) / -(shares * np.log(shares)).sum())
    return np.mean(gaps)


def test_the_score_is_spread_by_the_order_of_rows_as_the_published_codes():
    table = MEANS[:90], SCALES[:90], FACTORS[:90]
    ours = [continuous_mig_as_published(*table, seed=seed).value for seed in range(150)]
    theirs = [gap_by_hand(*table, np.random.default_rng(seed)) for seed in range(150)]
    error = np.hypot(np.std(ours), np.std(theirs)) / np.sqrt(150)
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=4 * error)
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.3)  # five of its own errors
    assert np.std(ours) > 0.02
    assert continuous_mig(*table).value > np.mean(ours) + 4 * error


def test_one_latent_is_evaluated_at_its_own_means_whatever_the_order():
    table = MEANS[:, :1], SCALES[:, :1], FACTORS
    scores = [continuous_mig_as_published(*table, seed=seed).value for seed in (0, 1)]
    np.testing.assert_allclose(scores, gap_by_hand(*table, np.random.default_rng(0)), rtol=1e-9)


def test_far_values_stay_finite():
    """A latent at 0 ± 1e-3 evaluated at another's means around 1e3."""
    means = np.stack([FACTORS[:, 0] * 1e3, FACTORS[:, 1] * 1e-3], 1)
    score = continuous_mig_as_published(means, np.full(means.shape, 1e-3), FACTORS)
    assert np.isfinite(score.information).all()
