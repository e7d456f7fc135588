"""Gaps are those of the best single latents, each fitted to its optimum."""

import numpy as np
import pytest
from scipy.optimize import minimize

from kelbo.errors import ScoreError
from kelbo.metrics.disjoint import disjoint_rows
from kelbo.metrics.sap import sap

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, [2, 3, 6], (600, 3))
CODES = np.hstack([FACTORS[:, :2] + 0.4 * RNG.normal(size=(600, 2)), FACTORS @ RNG.normal(size=(3, 2))])


def best_line(x, positive, weights, penalty):
    """The weight and intercept of one support vector machine of one latent, by a general minimiser of its objective."""
    sign = np.where(positive, 1.0, -1.0)

    def objective(line):
        slack = np.maximum(0, 1 - sign * (line[0] * x + line[1]))
        inner = -2 * penalty * weights * slack * sign
        return line @ line / 2 + penalty * (weights * slack**2).sum(), line + np.array([inner @ x, inner.sum()])

    return minimize(objective, np.zeros(2), jac=True, tol=1e-12).x


def accuracy_of_lines(x, y, x_test, y_test, penalty=0.01):
    """One line for each value against the rest, or of the second of two values against the first; the highest wins."""
    values, counts = np.unique(y, return_counts=True)
    balanced = len(y) / (len(values) * counts)
    if len(values) == 2:
        w, b = best_line(x, y == values[1], balanced[(y == values[1]).astype(int)], penalty)
        return (values[(w * x_test + b > 0).astype(int)] == y_test).mean()
    lines = [best_line(x, y == v, np.where(y == v, u, 1.0), penalty) for v, u in zip(values, balanced, strict=True)]
    return (values[np.argmax([w * x_test + b for w, b in lines], 0)] == y_test).mean()


def test_accuracies_are_those_of_the_exact_optimum():
    train, test = disjoint_rows(600, 400, 200, seed=5)
    slow = np.empty((4, 3))
    for latent in range(4):
        for factor in range(3):
            x, y = CODES[:, latent], FACTORS[:, factor]
            slow[latent, factor] = accuracy_of_lines(x[train], y[train], x[test], y[test])
    score = sap(CODES, FACTORS, train=400, test=200, seed=5)
    np.testing.assert_allclose(score.predictability, slow, atol=1 / 200)  # a row at a boundary
    assert score.predictability[0, 0] > 0.85


def test_the_gap_is_of_the_best_two():
    score = sap(CODES, FACTORS, train=400, test=200)
    slow = [sorted(column)[-1] - sorted(column)[-2] for column in score.predictability.T]
    np.testing.assert_allclose(score.gaps, slow)
    assert score.value == pytest.approx(np.mean(slow))


def test_continuous_factors_are_told_by_squared_correlation():
    factors = FACTORS + RNG.normal(size=FACTORS.shape)
    score = sap(CODES, factors, continuous=True)
    slow = [[np.corrcoef(code, factor)[0, 1] ** 2 for factor in factors.T] for code in CODES.T]
    np.testing.assert_allclose(score.predictability, slow, rtol=1e-10)


def test_a_constant_latent_tells_what_a_constant_guess_does():
    codes = np.hstack([CODES, np.full((600, 1), 0.1)])
    assert sap(codes, FACTORS, continuous=True).predictability[4].tolist() == [0, 0, 0]
    told = sap(codes, FACTORS, train=400, test=200, seed=5).predictability[4]
    shares = [np.bincount(column[disjoint_rows(600, 400, 200, seed=5)[1]]) / 200 for column in FACTORS.T]
    assert all(np.isclose(accuracy, share).any() for accuracy, share in zip(told, shares, strict=True))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ScoreError, match="two latents; the codes have one"):
        sap(CODES[:, :1], FACTORS, train=400, test=200)
    with pytest.raises(ScoreError, match="^Factor 1 is constant"):
        sap(CODES, np.stack([FACTORS[:, 0], np.full(600, 0.1)], 1), continuous=True)
    with pytest.raises(ScoreError, match="got 600 and 500 rows"):
        sap(CODES, FACTORS[:500], continuous=True)
    with pytest.raises(ScoreError, match="above 0; got 0"):
        sap(CODES, FACTORS, train=400, test=200, penalty=0)
    with pytest.raises(ScoreError, match="need 15,000 rows; the table has 600"):
        sap(CODES, FACTORS)
