import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from kelbo.latents import DiagonalGaussian, StandardNormal
from kelbo.seeds import seeded


def posterior(batch=7, dims=5):
    torch.manual_seed(0)
    return DiagonalGaussian(torch.randn(batch, dims), 2 * torch.randn(batch, dims))


def test_the_rate_of_each_dimension_is_the_closed_form_kl():
    q = posterior()
    expected = kl_divergence(Normal(q.mean, q.scale), Normal(0.0, 1.0))
    torch.testing.assert_close(StandardNormal(5).kl(q), expected)


def test_the_rate_is_exactly_zero_at_the_prior_and_keeps_its_digits_beside_it():
    assert StandardNormal(3).kl(DiagonalGaussian(torch.zeros(1, 3), torch.zeros(1, 3))).eq(0).all()
    tiny = torch.full((1, 1), 1e-3)
    expected = 0.5 * (torch.expm1(tiny.double()) - tiny.double())
    assert abs(StandardNormal(1).kl(DiagonalGaussian(torch.zeros(1, 1), tiny)).double() / expected - 1) < 1e-3


def test_the_kl_from_another_gaussian_is_the_closed_form():
    q, p = posterior(), DiagonalGaussian(torch.randn(7, 5), torch.randn(7, 5))
    expected = kl_divergence(Normal(q.mean, q.scale), Normal(p.mean, p.scale))
    torch.testing.assert_close(q.kl(p), expected)
    assert q.kl(q).eq(0).all()


@pytest.mark.parametrize("shape", [(7, 5), (7, 2, 3, 3)])
def test_log_prob_agrees_with_torch(shape):
    torch.manual_seed(0)
    q, z = DiagonalGaussian(torch.randn(shape), torch.randn(shape)), torch.randn(shape)
    torch.testing.assert_close(q.log_prob(z), Independent(Normal(q.mean, q.scale), len(shape) - 1).log_prob(z))


def test_a_temperature_scales_a_draws_distance_from_the_mean():
    q = posterior()
    with seeded(0, "latents"):
        plain = q.rsample()
    with seeded(0, "latents"):
        torch.testing.assert_close(q.rsample(0.5) - q.mean, 0.5 * (plain - q.mean))
    assert torch.equal(q.rsample(0.0), q.mean)


def test_draws_have_the_posteriors_mean_and_variance():
    q = DiagonalGaussian(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, -2.0]]))
    draws = torch.stack([q.rsample() for _ in range(20_000)])[:, 0]
    error = q.scale[0] / 20_000**0.5
    assert ((draws.mean(0) - q.mean[0]).abs() < 5 * error).all()
    torch.testing.assert_close(draws.std(0), q.scale[0], rtol=0.03, atol=0)


def test_bfloat16_parameters_become_a_float32_posterior():
    q = DiagonalGaussian.from_parameters(torch.randn(3, 8, dtype=torch.bfloat16))
    assert q.mean.dtype == q.log_variance.dtype == torch.float32
    assert q.mean.shape == (3, 4)


def test_the_standard_normal_scores_its_draws_as_torch_does():
    prior = StandardNormal(4)
    z = prior.sample(6)
    torch.testing.assert_close(prior.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(1))


def test_a_temperature_scales_what_is_drawn():
    prior = StandardNormal(4)
    with seeded(0, "pictures"):
        plain = prior.sample(6)
    with seeded(0, "pictures"):
        assert torch.equal(prior.sample(6, temperature=0.5), 0.5 * plain)


def test_the_prior_of_a_model_adds_nothing_to_its_weights():
    assert StandardNormal(4).state_dict() == {}
