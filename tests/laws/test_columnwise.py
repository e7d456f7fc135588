"""Rows of a table: every density of real numbers, over columns with units of their own and a binary one among them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from tests.laws.test_likelihoods import DENSITIES, axis, outputs

from kelbo.errors import RecipeError
from kelbo.likelihoods import Bernoulli, Categorical, Columnwise, ContinuousBernoulli, FixedGaussian, OptimalGaussian
from kelbo.metrics.calibration import integral_transform

REAL = {name: make for name, make in DENSITIES.items() if "sigmoid" not in name and name != "ContinuousBernoulli"}
every_density = pytest.mark.parametrize("make", REAL.values(), ids=REAL.keys())
MEAN, SCALE = torch.tensor([100.0, 0.0, -3.0]), torch.tensor([20.0, 1.0, 0.02])
BINARY = (False, True, False)
REALS = [0, 2]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def rows(count):
    x = MEAN + SCALE * torch.randn(count, 3)
    x[:, 1] = (torch.rand(count) < 0.5).float()
    return x


def output_of(likelihood, count, spread=0.3):
    real = spread * outputs(likelihood.inner, (count, len(REALS)))
    return torch.cat([real, torch.randn(count, 1)], 1)


def of_columns(make, mean=MEAN, scale=SCALE, binary=BINARY):
    """In evaluation mode after a batch of training."""
    likelihood = Columnwise(make(), mean, scale, binary)
    x = rows(16)
    likelihood.log_prob(x, output_of(likelihood, 16))
    return likelihood.eval().requires_grad_(False)


@every_density
def test_the_density_of_a_row_integrates_to_one_in_the_columns_own_units(make):
    likelihood, points = of_columns(make), 301
    output, total = output_of(likelihood, 1), 0.0
    standard, weights = axis(likelihood, points)
    sigma = likelihood.variance(output)[0, REALS].sqrt()
    grids = [(likelihood.mean(output)[0, c] + s * standard).float() for c, s in zip(REALS, sigma, strict=True)]
    for binary in (0.0, 1.0):
        first, last = torch.meshgrid(*grids, indexing="ij")
        x = torch.stack([first.flatten(), torch.full_like(first.flatten(), binary), last.flatten()], 1)
        with torch.no_grad():
            density = likelihood.log_prob(x, output.expand(len(x), -1)).double().exp().view(points, points)
        total += float((density * torch.outer(weights, weights)).sum() * sigma.double().prod())
    assert total == pytest.approx(1, abs=2e-3)


@every_density
def test_another_unit_of_a_column_moves_the_nats_by_the_logarithm_of_its_factor(make):
    factors = torch.tensor([64.0, 1.0, 0.25])  # powers of two, so that float32 rounds nothing
    likelihood, scaled = of_columns(make), of_columns(make, MEAN * factors, SCALE * factors)
    scaled.load_state_dict({**likelihood.state_dict(), "centre": scaled.centre, "scale": scaled.scale})
    x, output = rows(16), output_of(likelihood, 16)
    moved = likelihood.log_prob(x, output) - scaled.log_prob(x * factors, output)
    torch.testing.assert_close(moved, torch.full((16,), math.log(64 / 4)))
    torch.testing.assert_close(scaled.mean(output), likelihood.mean(output) * factors)
    torch.testing.assert_close(scaled.variance(output), likelihood.variance(output) * factors.square())
    torch.testing.assert_close(scaled.cdf(x * factors, output), likelihood.cdf(x, output))


@every_density
def test_draws_have_the_mean_variance_and_distribution_that_are_told(make):
    likelihood, count = of_columns(make), 20_000
    output = output_of(likelihood, 1)
    many = output.expand(count, -1)
    drawn = likelihood.sample(many)
    mean, variance = likelihood.moments(output)
    error = (variance[0] / count).sqrt()
    assert ((drawn.mean(0) - mean[0]).abs() < 5 * error).all()
    assert set(drawn[:, 1].tolist()) == {0.0, 1.0}
    u = integral_transform(likelihood.cdf(drawn, many).numpy(), likelihood.cdf(drawn, many, strict=True).numpy())
    for column in u.T:
        assert kstest(column, "uniform").pvalue > 1e-4


@every_density
def test_errors_and_variances_are_those_of_the_real_columns_in_standard_deviations(make):
    likelihood = of_columns(make)
    x, output = rows(16), output_of(likelihood, 16)
    error, variance = likelihood.standardised(x, output)
    own = ((x - likelihood.mean(output)) / SCALE)[:, REALS]
    torch.testing.assert_close(error, own, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(variance, (likelihood.variance(output) / SCALE.square())[:, REALS])


@every_density
def test_gradients_reach_the_output_of_every_column(make):
    likelihood = Columnwise(make(), MEAN, SCALE, BINARY)
    output = output_of(likelihood, 16).requires_grad_()
    likelihood.log_prob(rows(16), output).sum().backward()
    assert output.grad is not None
    assert (output.grad.abs().sum(0) > 0).all()


def test_the_nats_are_those_of_the_parts():
    likelihood = Columnwise(FixedGaussian(0.5), MEAN, SCALE, BINARY).eval()
    x, output = rows(8), output_of(likelihood, 8)
    real = FixedGaussian(0.5).log_prob(((x - MEAN) / SCALE)[:, REALS], output[:, :2]) - math.log(20 * 0.02)
    torch.testing.assert_close(likelihood.log_prob(x, output), real + Bernoulli().log_prob(x[:, 1:2], output[:, 2:]))


def test_a_solved_sigma_is_in_standard_deviations_and_settles_as_alone():
    likelihood = of_columns(OptimalGaussian)
    x, output = rows(16), output_of(likelihood, 16)
    assert likelihood.sigma_from == "solved"
    before = likelihood.log_prob(x, output)
    with likelihood.settled(4.0):
        variance = likelihood.variance(output)[:, REALS]
        torch.testing.assert_close(variance, (4 * SCALE.square())[REALS].expand(16, 2))
    torch.testing.assert_close(likelihood.log_prob(x, output), before)
    likelihood.train()
    solved = likelihood.solve(x, output)
    with likelihood.sharing(solved):
        shared = likelihood.log_prob(x, output)
    torch.testing.assert_close(shared, likelihood.log_prob(x, output))


def test_mean_and_scale_are_kept_with_the_weights():
    saved = Columnwise(FixedGaussian(1.0), MEAN, SCALE, BINARY).state_dict()
    fresh = Columnwise(FixedGaussian(1.0), torch.zeros(3), torch.ones(3), BINARY)
    fresh.load_state_dict(saved)
    assert torch.equal(fresh.scale, SCALE)
    assert torch.equal(fresh.centre, MEAN)


@pytest.mark.parametrize(
    "inner", [Categorical(8), Bernoulli(), ContinuousBernoulli()], ids=lambda one: type(one).__name__
)
def test_a_likelihood_of_other_than_real_numbers_is_refused(inner):
    with pytest.raises(RecipeError, match="real numbers"):
        Columnwise(inner, MEAN, SCALE, BINARY)


def test_columns_that_are_all_binary_are_refused():
    with pytest.raises(RecipeError, match="Bernoulli"):
        Columnwise(FixedGaussian(1.0), torch.zeros(2), torch.ones(2), (True, True))


def test_a_table_without_binary_columns_has_no_logits():
    likelihood = Columnwise(FixedGaussian(1.0), MEAN, SCALE, (False,) * 3)
    assert likelihood.output_channels(3) == 3
    x = rows(4)
    assert likelihood.sample(torch.randn(4, 3)).shape == x.shape
    assert np.isfinite(likelihood.log_prob(x, torch.randn(4, 3)).numpy()).all()
