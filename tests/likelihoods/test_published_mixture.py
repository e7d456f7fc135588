import math

import pytest
import torch

from kelbo.likelihoods import DiscretizedLogisticMixture, PublishedLogisticMixture


def pair(channels, spread, examples=64):
    generator = torch.Generator().manual_seed(0)
    published, normalised = PublishedLogisticMixture(5), DiscretizedLogisticMixture(5)
    output = spread * torch.randn(examples, published.output_channels(channels), generator=generator)
    x = torch.randint(0, 256, (examples, channels), generator=generator) / 255
    return published.log_prob(x, output), normalised.log_prob(x, output)


@pytest.mark.parametrize("channels", [1, 3])
def test_likely_levels_have_the_mass_of_the_normalised_mixture(channels):
    published, normalised = pair(channels, 0.3)
    torch.testing.assert_close(published, normalised, rtol=1e-4, atol=1e-3)


def test_an_unlikely_level_has_the_density_at_its_centre_times_its_width():
    likelihood = PublishedLogisticMixture(1)
    mean, log_scale, level = 0.5, -4.0, 100
    output = torch.tensor([[0.0, mean, log_scale]])
    u = (2 * level / 255 - 1 - mean) * math.exp(-log_scale)
    density = u - log_scale - 2 * math.log1p(math.exp(u))
    x, wanted = torch.tensor([[level / 255]]), density - math.log(127.5)
    assert float(likelihood.log_prob(x, output)) == pytest.approx(wanted, rel=1e-5)
    assert float(DiscretizedLogisticMixture(1).log_prob(x, output)) != pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("spread", [1.0, 20.0])
def test_masses_sum_to_one_but_for_the_guard(spread):
    likelihood = PublishedLogisticMixture(3)
    generator = torch.Generator().manual_seed(0)
    levels = (torch.arange(256) / 255).view(-1, 1)
    for _ in range(20):
        output = spread * torch.randn(1, likelihood.output_channels(1), generator=generator)
        assert likelihood.log_prob(levels, output.expand(256, -1)).double().exp().sum() == pytest.approx(1, abs=3e-5)
