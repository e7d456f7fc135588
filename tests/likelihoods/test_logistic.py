"""The discretised logistic and its mixtures."""

from __future__ import annotations

import pytest
import torch

from kelbo.likelihoods import DiscretizedLogistic, DiscretizedLogisticMixture
from kelbo.likelihoods.logistic_mixture import NET, well_spread_noise


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def enumerated_moments(likelihood, output, channels):
    """Mean and variance of each channel by summing over every image of one pixel, in float64."""
    values = torch.arange(likelihood.levels) / (likelihood.levels - 1)
    x = torch.cartesian_prod(*[values] * channels).reshape(-1, channels)
    mass = likelihood.log_prob(x, output.expand(len(x), -1)).double().exp()[:, None]
    mean = (mass * x).sum(0)
    return mean, (mass * (x - mean).square()).sum(0)


@pytest.mark.parametrize("log_scale", [-20.0, -7.0, -5.0, -3.0, -1.0, 2.0, 20.0])
@pytest.mark.parametrize("mean", [-50.0, -1.0, -0.3, 0.123, 1.01])
def test_the_mean_and_variance_of_a_discretised_logistic_are_exact(mean, log_scale):
    likelihood, output = DiscretizedLogistic(), torch.tensor([[mean, log_scale]])
    expected = enumerated_moments(likelihood, output, 1)
    level = 1 / 255
    torch.testing.assert_close(likelihood.mean(output)[0].double(), expected[0], rtol=0, atol=1e-3 * level)
    torch.testing.assert_close(likelihood.variance(output)[0].double(), expected[1], rtol=1e-3, atol=1e-3 * level**2)


def test_the_mean_and_variance_of_an_unchained_mixture_are_exact():
    likelihood = DiscretizedLogisticMixture(components=4)
    for _ in range(20):
        output = torch.randn(1, 12)
        output[:, 8:] -= 3
        mean, variance = enumerated_moments(likelihood, output, 1)
        torch.testing.assert_close(likelihood.mean(output)[0].double(), mean, rtol=0, atol=1e-5)
        torch.testing.assert_close(likelihood.variance(output)[0].double(), variance, rtol=1e-3, atol=1e-6)


def test_the_moments_of_a_chain_are_exact_for_red_and_close_for_green_and_blue():
    likelihood = DiscretizedLogisticMixture(components=1, bits=5)
    errors = []
    for _ in range(15):
        means, log_scales, raw = 0.8 * torch.randn(3), 7 * torch.rand(3) - 6, 2 * torch.randn(3)
        output = torch.cat([torch.zeros(1), torch.stack([means, log_scales, raw], 1).flatten()])[None]
        mean, variance = enumerated_moments(likelihood, output, 3)
        assert likelihood.mean(output)[0, 0].item() == pytest.approx(mean[0].item(), abs=1e-5)
        assert likelihood.variance(output)[0, 0].item() == pytest.approx(variance[0].item(), rel=1e-3, abs=1e-6)
        deviation = variance.sqrt().clamp(min=0.1 / 31)
        errors.append((likelihood.mean(output)[0] - mean).abs() / deviation)
    worst = torch.stack(errors)
    assert worst.max() < 0.05
    assert worst.square().mean().sqrt() < 0.01


def test_each_axis_of_the_well_spread_noise_has_one_point_in_every_quantile():
    uniform = torch.tensor(well_spread_noise(64), dtype=torch.float64).sigmoid()
    assert torch.equal(
        (64 * uniform).floor().sort(0).values, torch.arange(64.0, dtype=torch.float64)[:, None].expand(64, 3)
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_component_without_coefficients_is_the_discretised_logistic(channels):
    shape = (5, channels, 4, 4)
    x, means, log_scales = torch.randint(0, 256, shape) / 255, torch.randn(shape), torch.randn(shape) - 3
    parts = [means, log_scales, torch.zeros(shape)] if channels == 3 else [means, log_scales]
    mixed = torch.cat([torch.randn(5, 1, 4, 4), torch.stack(parts, 2).flatten(1, 2)], 1)
    alone = torch.cat([means, log_scales], 1)
    mixture = DiscretizedLogisticMixture(components=1)
    torch.testing.assert_close(mixture.log_prob(x, mixed), DiscretizedLogistic().log_prob(x, alone))


def test_a_mixture_of_equal_components_is_one_of_them():
    one = torch.randn(6, 10, 3, 3)
    logits = torch.randn(6, 4, 3, 3)
    four = torch.cat([logits, one[:, 1:].repeat_interleave(4, dim=1)], 1)
    x = torch.randint(0, 256, (6, 3, 3, 3)) / 255
    single, mixture = DiscretizedLogisticMixture(components=1), DiscretizedLogisticMixture(components=4)
    torch.testing.assert_close(mixture.log_prob(x, four), single.log_prob(x, one))


def test_green_and_blue_are_drawn_around_the_levels_that_came_before():
    red, on_red, blue_on_red, blue_on_green = 0.41, 0.8, -0.5, 0.6
    raw = torch.atanh(torch.tensor([on_red, blue_on_red, blue_on_green]))
    sharp = -20.0
    colours = [(red, sharp, raw[0]), (-0.1, sharp, raw[1]), (0.35, sharp, raw[2])]
    output = torch.tensor([0.0, *(value for colour in colours for value in colour)])[None]
    drawn = DiscretizedLogisticMixture(components=1, bits=4).sample(output.expand(50, -1))

    def level(value):
        return round((value + 1) * 7.5) / 7.5 - 1

    first = level(red)
    second = level(-0.1 + on_red * first)
    third = level(0.35 + blue_on_red * first + blue_on_green * second)
    expected = (torch.tensor([first, second, third]) + 1) / 2
    torch.testing.assert_close(drawn, expected.expand(50, 3))


def test_the_channels_of_a_pixel_share_its_component():
    far = torch.tensor([[0.0, 0.0, -0.8, 0.8, -5, -5, -0.8, 0.8, -5, -5]])  # two components, two channels
    drawn = DiscretizedLogisticMixture(components=2).sample(far.expand(2000, -1)) > 0.5
    assert torch.equal(drawn[:, 0], drawn[:, 1])
    assert 850 < drawn[:, 0].sum() < 1150


def test_the_last_level_but_one_is_no_edge():
    """A float threshold at 0.99 or 0.999 on [-1, 1] would give level 254 the tail of 255 as well."""
    output = torch.tensor([[1.5, -2.0]])
    mass = [DiscretizedLogistic().log_prob(torch.tensor([[level / 255]]), output).exp().item() for level in (254, 255)]
    assert mass[0] < 0.01 * mass[1]


def test_the_moments_of_a_chain_are_those_of_its_own_draws_at_the_spread_noise():
    likelihood = DiscretizedLogisticMixture(components=4, bits=5)
    output = torch.randn(3, likelihood.output_channels(3), 2, 2)
    p = likelihood._components(output)
    chains = torch.stack([likelihood._chain(p, noise) for noise in NET]).double() / 31
    weights = p.log_weights.exp().unsqueeze(1).double()
    means, squares = chains.mean(0), chains.square().mean(0)
    mean = (weights * means).sum(2)
    variance = (weights * squares).sum(2) - mean.square()
    for found, expected in zip(likelihood.moments(output), (mean, variance), strict=True):
        torch.testing.assert_close(found[:, 1:].double(), expected[:, 1:], rtol=1e-3, atol=1e-4)
