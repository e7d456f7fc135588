"""Where σ comes from, and what it means."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from kelbo.errors import RecipeError
from kelbo.likelihoods import AveragedSquaredError, FixedGaussian, PerPixelGaussian, SharedGaussian


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(6, 3, 4, 4, generator=generator), torch.randn(6, 3, 4, 4, generator=generator, requires_grad=True)


def gradient(loss, of):
    return torch.autograd.grad(loss, of)[0]


def test_unit_sigma_is_half_the_summed_squared_error_and_a_constant(pair):
    x, output = pair
    expected = 0.5 * (x - output).square().flatten(1).sum(1) + 48 / 2 * math.log(2 * math.pi)
    torch.testing.assert_close(-FixedGaussian().log_prob(x, output), expected)


def test_sigma_squared_divides_the_squared_error_as_beta_would_multiply_the_rate(pair):
    x, output = pair
    narrow = gradient(-FixedGaussian(0.1).log_prob(x, output).sum(), output)
    unit = gradient(-FixedGaussian(1.0).log_prob(x, output).sum(), output)
    torch.testing.assert_close(narrow, unit / 0.1**2)


def test_the_averaged_squared_error_pulls_exactly_as_a_gaussian_of_variance_half_b_d(pair):
    x, output = pair
    likelihood = AveragedSquaredError(batch_size=6)
    plain = gradient(F.mse_loss(output, x), output)
    torch.testing.assert_close(gradient(-likelihood.log_prob(x, output).sum(), output), plain)
    assert likelihood.variance(output)[0, 0, 0, 0].item() == pytest.approx(6 * 48 / 2)


def test_the_averaged_squared_error_of_a_batch_of_svhn_sized_images_hides_a_sigma_of_388():
    variance = AveragedSquaredError(batch_size=128).variance(torch.zeros(1, 3, 28, 28))
    assert math.sqrt(variance[0, 0, 0, 0]) == pytest.approx(388, abs=0.1)


def test_a_shared_sigma_settles_where_its_square_is_the_mean_squared_error(pair):
    x, output = pair
    best = 0.5 * (x - output).square().mean().log().item()
    slopes = []
    for offset in (-0.05, 0.05):
        likelihood = SharedGaussian(best + offset)
        slopes.append(gradient(-likelihood.log_prob(x, output).sum(), likelihood.log_sigma).item())
    assert slopes[0] < 0 < slopes[1]


def test_a_learned_sigma_cannot_sink_below_half_a_level_of_eight_bits_and_can_always_rise_again(pair):
    x, output = pair
    likelihood = SharedGaussian(-20.0)
    assert likelihood.variance(output)[0, 0, 0, 0].sqrt().item() == pytest.approx(math.exp(-6), rel=1e-5)
    assert gradient(-likelihood.log_prob(x, output).sum(), likelihood.log_sigma) < 0


def test_a_per_pixel_sigma_is_the_second_half_of_the_decoders_output(pair):
    x, mean = pair
    likelihood, log_sigma = PerPixelGaussian(), torch.linspace(-3, 2, 288).view(6, 3, 4, 4)
    output = torch.cat([mean, log_sigma], 1)
    assert likelihood.output_channels(3) == 6
    assert torch.equal(likelihood.mean(output), mean)
    clipped = -6 + F.softplus(log_sigma + 6)
    expected = torch.distributions.Normal(mean, clipped.exp()).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.log_prob(x, output), expected)


def test_a_sigmoid_keeps_the_mean_inside_of_the_unit_interval(pair):
    x, output = pair
    squashed = FixedGaussian(0.1, mean_activation="sigmoid")
    assert torch.equal(squashed.mean(output), output.sigmoid())
    assert torch.equal(squashed.log_prob(x, output), FixedGaussian(0.1).log_prob(x, output.sigmoid()))


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan])
def test_a_sigma_that_is_no_length_is_refused(sigma):
    with pytest.raises(RecipeError, match=rf"likelihood.sigma must be positive and finite .*; got {sigma}"):
        FixedGaussian(sigma)


def test_a_batch_of_no_examples_is_refused():
    with pytest.raises(RecipeError, match="likelihood.batch_size must be at least 1; got 0"):
        AveragedSquaredError(0)


def test_an_unknown_activation_is_refused():
    with pytest.raises(
        RecipeError, match=r"likelihood.mean_activation must be one of \['identity', 'sigmoid', 'tanh'\]; got 'relu'"
    ):
        SharedGaussian(mean_activation="relu")
