"""Fréchet distances that are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from kelbo.metrics.frechet import frechet_distance, frechet_of


def test_gaussians_along_the_same_axes_differ_by_their_means_and_deviations():
    rng = np.random.default_rng(0)
    (a, b), (s, t) = rng.normal(size=(2, 50)), rng.gamma(1.0, size=(2, 50))
    turn = np.linalg.qr(rng.normal(size=(50, 50)))[0]
    result = frechet_distance(turn @ a, turn * s**2 @ turn.T, turn @ b, turn * t**2 @ turn.T)
    assert result.mean_term == pytest.approx(np.square(a - b).sum())
    assert result.covariance_term == pytest.approx(np.square(s - t).sum())


def test_any_two_gaussians_of_the_plane():
    """For 2×2 the trace of the root is √(tr Σ_p Σ_q + 2 √(det Σ_p det Σ_q))."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        p, q = (factor @ factor.T for factor in rng.normal(size=(2, 2, 2)))
        root = np.sqrt(np.trace(p @ q) + 2 * np.sqrt(np.linalg.det(p) * np.linalg.det(q)))
        expected = np.trace(p) + np.trace(q) - 2 * root
        assert frechet_distance(np.zeros(2), p, np.zeros(2), q).distance == pytest.approx(expected, rel=1e-7)


def test_the_distance_of_samples_approaches_that_of_their_gaussians():
    rng = np.random.default_rng(2)
    p, q = rng.normal(0, 1, (40_000, 3)), rng.normal(1, 2, (40_000, 3))
    error = 2 * 3 * np.sqrt(5 / 40_000)  # ∂/∂mean is 2 a dimension, of a mean whose variance is (1 + 4) / N
    assert frechet_of(p, q).distance == pytest.approx(3 + 3, abs=5 * error)
