"""Distribution functions of likelihoods against SciPy's and plain sums."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F

from kelbo.errors import RunError
from kelbo.likelihoods import (
    BitwiseCategorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Laplace,
    OptimalGaussian,
    PerPixelGaussian,
    StudentT,
)

SHAPE = (5, 3, 4, 4)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def clipped(log_scale):
    return (-6 + F.softplus(log_scale.double() + 6)).exp()


def close(cdf, expected):
    torch.testing.assert_close(cdf, torch.as_tensor(np.asarray(expected)).float(), rtol=1e-5, atol=1e-6)


def test_gaussian_laplace_and_student_t_are_scipys():
    x, mean, log_scale, freedom = torch.rand(SHAPE), torch.randn(SHAPE), torch.randn(SHAPE), 3 * torch.randn(SHAPE)
    gaussian = PerPixelGaussian().cdf(x, torch.cat([mean, log_scale], 1))
    close(gaussian, scipy.stats.norm.cdf(x, mean.double(), clipped(log_scale)))
    close(Laplace(0.2).cdf(x, mean), scipy.stats.laplace.cdf(x, mean.double(), 0.2))
    student = StudentT().cdf(x, torch.cat([mean, log_scale, freedom], 1))
    close(student, scipy.stats.t.cdf(x, 2.1 + F.softplus(freedom.double()), mean.double(), clipped(log_scale)))


def test_a_continuous_bernoulli_is_that_of_its_published_form():
    """(λ^x (1 - λ)^(1 - x) + λ - 1) / (2λ - 1) of Loaiza-Ganem and Cunningham (2019), and x where λ = ½."""
    x, logits = torch.rand(1000, 1), 3 * torch.randn(1000, 1)
    p = torch.sigmoid(logits.double())
    close(ContinuousBernoulli().cdf(x, logits), (p**x * (1 - p) ** (1 - x) + p - 1) / (2 * p - 1))
    close(ContinuousBernoulli().cdf(x, torch.zeros_like(x)), x)


def test_a_discretised_logistic_steps_on_the_logistics_distribution_function():
    x = torch.randint(0, 31, SHAPE) / 31
    mean, log_scale = torch.randn(SHAPE), torch.randn(SHAPE)
    edges = (2 * x.double() - 1) + 1 / 31
    expected = scipy.stats.logistic.cdf(edges, mean.double(), log_scale.double().exp())
    close(DiscretizedLogistic(5).cdf(x, torch.cat([mean, log_scale], 1)), expected)


def test_bits_are_summed_over_all_levels_below():
    logits = torch.randn(1, 3)
    on = torch.sigmoid(logits[0].double()).tolist()
    mass = [np.prod([p if level & bit else 1 - p for p, bit in zip(on, (4, 2, 1), strict=True)]) for level in range(8)]
    x = torch.arange(8)[:, None] / 7
    close(BitwiseCategorical(3).cdf(x, logits.expand(8, -1))[:, 0], np.cumsum(mass))


def test_a_solved_gaussian_has_the_tracked_deviation_and_none_before_training():
    likelihood, x = OptimalGaussian(), torch.rand(SHAPE)
    with pytest.raises(RunError, match="has no σ yet"):
        likelihood.cdf(x, torch.rand(SHAPE))
    mean = torch.rand(SHAPE)
    likelihood.log_prob(x, mean)
    sigma = (x - mean).double().square().mean().sqrt()
    y, other = torch.rand(SHAPE), torch.rand(SHAPE)
    close(likelihood.cdf(y, other), scipy.stats.norm.cdf(y, other.double(), sigma))
