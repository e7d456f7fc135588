"""Likelihoods against scipy, torch.distributions and plain float64 formulas."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F

from kelbo.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    Laplace,
    PerPixelGaussian,
    StudentT,
)
from kelbo.likelihoods.continuous_bernoulli import log_sinhc
from kelbo.likelihoods.logistic import standard_logistic
from kelbo.likelihoods.student import log_gamma_step

SHAPE = (5, 3, 4, 4)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def nats(per_pixel):
    return torch.as_tensor(per_pixel).flatten(1).sum(1).float()


def clipped(log_scale):
    return (-6 + F.softplus(log_scale.double() + 6)).exp()


def test_a_per_pixel_gaussian_is_scipys_normal():
    x, mean, log_sigma = torch.rand(SHAPE), torch.randn(SHAPE), torch.randn(SHAPE)
    expected = scipy.stats.norm.logpdf(x, mean.double(), clipped(log_sigma))
    torch.testing.assert_close(PerPixelGaussian().log_prob(x, torch.cat([mean, log_sigma], 1)), nats(expected))


def test_a_laplace_is_scipys():
    x, mean = torch.rand(SHAPE), torch.randn(SHAPE)
    torch.testing.assert_close(Laplace(0.2).log_prob(x, mean), nats(scipy.stats.laplace.logpdf(x, mean.double(), 0.2)))


def test_a_student_t_is_scipys():
    x, output = torch.rand(SHAPE), 3 * torch.randn(5, 9, 4, 4)
    location, log_scale, freedom = output.double().chunk(3, 1)
    nu, scale = 2.1 + F.softplus(freedom), clipped(log_scale)
    torch.testing.assert_close(StudentT().log_prob(x, output), nats(scipy.stats.t.logpdf(x, nu, location, scale)))
    variance = torch.as_tensor(scipy.stats.t.var(nu, location, scale)).float()
    torch.testing.assert_close(StudentT().variance(output), variance, rtol=1e-4, atol=0)


def test_the_step_of_log_gamma_keeps_its_digits_however_large_its_argument():
    a = torch.cat([torch.linspace(1, 20, 200), torch.logspace(1.3, 7, 200)])
    exact = np.log(scipy.special.poch(a.double().numpy(), 0.5))
    np.testing.assert_allclose(log_gamma_step(a).numpy(), exact, atol=1e-6, rtol=3e-7)


def test_a_bernoulli_is_torchs():
    x, logits = torch.randint(0, 2, SHAPE).float(), 3 * torch.randn(SHAPE)
    expected = torch.distributions.Bernoulli(logits=logits.double())
    torch.testing.assert_close(Bernoulli().log_prob(x, logits), nats(expected.log_prob(x.double())))
    torch.testing.assert_close(Bernoulli().variance(logits), expected.variance.float())


@pytest.mark.parametrize("size", [1e-3, 0.1, 1.0, 5.0])
def test_a_continuous_bernoulli_is_torchs(size):
    x, logits = torch.rand(SHAPE), size * torch.randn(SHAPE)
    expected = torch.distributions.ContinuousBernoulli(logits=logits.double())
    torch.testing.assert_close(ContinuousBernoulli().log_prob(x, logits), nats(expected.log_prob(x.double())))
    torch.testing.assert_close(ContinuousBernoulli().mean(logits), expected.mean.float())
    torch.testing.assert_close(ContinuousBernoulli().variance(logits), expected.variance.float(), rtol=2e-5, atol=0)


def test_a_continuous_bernoulli_is_scipys_truncated_exponential_however_large_its_logit():
    x, logits = torch.rand(SHAPE), 20 * torch.randn(SHAPE)
    from_its_peak = torch.where(logits > 0, 1 - x.double(), x.double()).numpy()
    rate = logits.double().abs().numpy()
    expected = scipy.stats.truncexpon(b=rate, scale=1 / rate)
    torch.testing.assert_close(ContinuousBernoulli().log_prob(x, logits), nats(expected.logpdf(from_its_peak)))
    variance = torch.as_tensor(expected.var()).float()
    torch.testing.assert_close(ContinuousBernoulli().variance(logits), variance, rtol=2e-5, atol=0)


def test_a_continuous_bernoulli_is_uniform_where_its_logit_is_zero_and_smooth_there():
    logits = torch.tensor([[0.0, -1e-6, 1e-6]], requires_grad=True)
    likelihood = ContinuousBernoulli()
    value = likelihood.log_prob(torch.full((1, 3), 0.75), logits)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(logits.grad, torch.full((1, 3), 0.25), rtol=0, atol=1e-5)
    torch.testing.assert_close(likelihood.variance(logits.detach()), torch.full((1, 3), 1 / 12))


def test_the_normaliser_of_a_continuous_bernoulli_keeps_its_digits_on_both_branches():
    t = torch.linspace(-0.6, 0.6, 501)  # the closed form takes over at ± 0.5
    exact = (torch.sinh(t.double()) / t.double()).log()
    torch.testing.assert_close(log_sinhc(t).double(), exact.nan_to_num(0.0), rtol=0, atol=2e-7)


def test_the_two_branches_of_a_continuous_bernoulli_meet():
    """Its gradient and variance are derivatives of one function, also where the series hands over to the closed form."""
    logits = torch.tensor([[0.999, 0.99999, 1.00001, 1.001]], requires_grad=True)
    likelihood = ContinuousBernoulli()
    likelihood.log_prob(torch.full((1, 4), 0.3), logits).backward()
    torch.testing.assert_close(0.3 - logits.grad, likelihood.mean(logits.detach()))
    assert likelihood.variance(logits).diff().abs().max() < 1e-4


def test_logistic_noise_is_scipys_far_into_its_tails():
    draws = standard_logistic(torch.empty(400_000)).double().numpy()
    assert scipy.stats.kstest(draws, "logistic").pvalue > 1e-4
    for far in (5.0, 8.0):
        chance = 2 * scipy.stats.logistic.sf(far)
        assert scipy.stats.binomtest(int((abs(draws) > far).sum()), len(draws), chance).pvalue > 1e-4


@pytest.mark.parametrize("bits", [5, 8])
def test_a_discretised_logistic_is_a_difference_of_scipys_distribution_function(bits):
    top = 2**bits - 1
    level = torch.randint(0, 2**bits, SHAPE)
    level[0, 0, 0, 0], level[0, 0, 0, 1] = 0, top
    mean, log_scale = 0.5 * torch.randn(SHAPE), torch.randn(SHAPE) - 2
    logistic = scipy.stats.logistic(mean.double().numpy(), log_scale.double().exp().numpy())
    k = level.double().numpy()
    upper, lower = np.where(k == top, np.inf, (2 * k + 1) / top - 1), np.where(k == 0, -np.inf, (2 * k - 1) / top - 1)
    below = logistic.cdf(upper) - logistic.cdf(lower)  # loses its digits above the mean,
    above = logistic.sf(lower) - logistic.sf(upper)  # and this one below it
    mass = np.where(2 * k / top - 1 < mean.numpy(), below, above)
    actual = DiscretizedLogistic(bits).log_prob(level / top, torch.cat([mean, log_scale], 1))
    torch.testing.assert_close(actual, nats(np.log(mass)), rtol=1e-5, atol=1e-3)


def test_a_mixture_is_the_plain_formula_of_pixelcnn_in_float64_with_its_layout():
    components, top = 10, 255
    level, output = torch.randint(0, 256, SHAPE), torch.randn(5, 100, 4, 4)
    actual = DiscretizedLogisticMixture(components).log_prob(level / top, output)
    weights = output[:, :components].double().softmax(1)
    colours = output[:, components:].double().unflatten(1, (3, 3, components))  # B, colour, parameter, component
    x = (2 * level.double() / top - 1).unsqueeze(2)
    coefficient = colours[:, :, 2].tanh()
    shift = torch.stack(
        [
            torch.zeros_like(coefficient[:, 0]),
            coefficient[:, 0] * x[:, 0],
            coefficient[:, 1] * x[:, 0] + coefficient[:, 2] * x[:, 1],
        ],
        1,
    )
    mean, scale = colours[:, :, 0] + shift, colours[:, :, 1].exp()
    upper = torch.where(x == 1, 1, torch.sigmoid((x + 1 / top - mean) / scale))
    lower = torch.where(x == -1, 0, torch.sigmoid((x - 1 / top - mean) / scale))
    joint = (weights * (upper - lower).prod(1)).sum(1)
    torch.testing.assert_close(actual, joint.log().flatten(1).sum(1).float(), rtol=1e-5, atol=1e-3)
