import math

import pytest
import torch
from torch.distributions import Normal

from kelbo.latents import MERGES, GroupGaussian, gaussian_of
from kelbo.seeds import seeded

DRAWS = 40_000


def gaussian(seed, scale=1.0, shape=(3, 2, 4, 4)):
    generator = torch.Generator().manual_seed(seed)
    return GroupGaussian(*(scale * torch.randn(shape, generator=generator) for _ in range(2)))


def normal(one):
    return Normal(one.mean, one.log_scale.exp())


def test_the_precision_weighted_merge_is_the_normalised_product_of_both():
    answer, prior = gaussian(0), gaussian(1)
    merged = MERGES["precision_weighted"](answer, prior)
    z = torch.linspace(-3, 3, 7).reshape(7, 1, 1, 1, 1)
    product = normal(answer).log_prob(z) + normal(prior).log_prob(z)
    constant = product - normal(merged).log_prob(z)
    torch.testing.assert_close(constant, constant[:1].expand_as(constant), rtol=1e-4, atol=1e-4)
    variances = [torch.exp(2 * one.log_scale) for one in (answer, prior)]
    torch.testing.assert_close(torch.exp(-2 * merged.log_scale), sum(1 / variance for variance in variances))
    assert (merged.log_scale <= prior.log_scale).all()


def test_an_answer_that_knows_nothing_leaves_the_prior():
    prior = gaussian(1)
    merged = MERGES["precision_weighted"](GroupGaussian(gaussian(0).mean, torch.full_like(prior.mean, 30.0)), prior)
    torch.testing.assert_close(merged.mean, prior.mean)
    torch.testing.assert_close(merged.kl(prior), torch.zeros(3))


def test_extreme_scales_merge_to_finite_numbers():
    for scale in (-80.0, 80.0):
        merged = MERGES["precision_weighted"](
            gaussian(0)._replace(log_scale=torch.full((3, 2, 4, 4), scale)), gaussian(1)
        )
        assert all(torch.isfinite(part).all() for part in merged)


def test_the_residual_merge_moves_the_prior_and_scales_it():
    answer, prior = gaussian(0), gaussian(1)
    merged = MERGES["residual"](answer, prior)
    torch.testing.assert_close(merged.mean, prior.mean + answer.mean)
    torch.testing.assert_close(merged.log_scale.exp(), prior.log_scale.exp() * answer.log_scale.exp())


def test_concatenation_takes_the_answer():
    answer = gaussian(0)
    assert MERGES["concatenation"](answer, gaussian(1)) is answer


@pytest.mark.parametrize("merge", MERGES)
def test_the_kl_in_closed_form_is_the_mean_log_ratio_of_draws(merge):
    prior = gaussian(1, 0.3, (2, 1, 2, 2))
    posterior = MERGES[merge](gaussian(0, 0.3, (2, 1, 2, 2)), prior)
    with seeded(0, "latents"):
        noise = torch.randn(DRAWS, *prior.mean.shape)
    z = posterior.at(noise)
    ratios = (normal(posterior).log_prob(z) - normal(prior).log_prob(z)).flatten(2).sum(2)
    error = ratios.std(0) / DRAWS**0.5
    assert ((ratios.mean(0) - posterior.kl(prior)).abs() < 5 * error).all()


def test_the_log_density_is_torchs():
    one = gaussian(0)
    z = gaussian(2).mean
    torch.testing.assert_close(one.log_prob(z), normal(one).log_prob(z).flatten(1).sum(1))


def test_a_tiny_kl_is_exact():
    prior = gaussian(1, 0.0)
    near = GroupGaussian(prior.mean, prior.log_scale + 1e-5)
    torch.testing.assert_close(
        near.kl(prior).double(), torch.full((3,), 32 * 1e-10, dtype=torch.float64), rtol=1e-3, atol=0
    )


def test_the_temperature_scales_the_noise():
    one, noise = gaussian(0), gaussian(3).mean
    torch.testing.assert_close(one.at(noise, 0.0), one.mean)
    torch.testing.assert_close(one.at(noise, 0.5), one.mean + 0.5 * one.log_scale.exp() * noise)


@pytest.mark.parametrize("scale", ["exp", "softplus"])
def test_parameters_become_float32_means_and_scales(scale):
    parameters = torch.randn(2, 6, 3, 3).bfloat16()
    made = gaussian_of(parameters, scale)
    raw = parameters[:, 3:].float()
    wanted = raw.exp() if scale == "exp" else torch.log2(1 + 2**raw)
    torch.testing.assert_close(made.mean, parameters[:, :3].float())
    torch.testing.assert_close(made.log_scale.exp(), wanted)


@pytest.mark.parametrize("scale", ["exp", "softplus"])
def test_scales_begin_at_one_and_stay_finite(scale):
    made = gaussian_of(torch.tensor([[0.0, 0.0], [0.0, -500.0]]), scale)
    assert float(made.log_scale[0]) == pytest.approx(0.0, abs=1e-6)
    assert math.isfinite(made.log_scale[1])
