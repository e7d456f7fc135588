"""What the distribution function of every likelihood must obey. A class of kelbo.likelihoods is tested without a line here."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from kelbo import likelihoods
from kelbo.metrics.calibration import integral_transform

IMAGES = sorted(set(likelihoods.__all__) - {"Framewise", "Columnwise"})
"""likelihoods of images; that of clips is held against each of them in `test_framewise`"""
EVERY = {name: getattr(likelihoods, name) for name in IMAGES} | {
    "AveragedSquaredError": partial(likelihoods.AveragedSquaredError, batch_size=3),
    "FixedGaussian sigmoid": partial(likelihoods.FixedGaussian, 0.3, mean_activation="sigmoid"),
    "Laplace fixed": partial(likelihoods.Laplace, 0.2),
    "Categorical of 5 bits": partial(likelihoods.Categorical, 32),
    "DiscretizedLogisticMixture of 3 bits": partial(likelihoods.DiscretizedLogisticMixture, 3, 3),
}
DENSITIES = {name: make for name, make in EVERY.items() if make().kind == "density"}
MASSES = {name: make for name, make in EVERY.items() if make().kind == "mass"}

every_likelihood = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())
every_density = pytest.mark.parametrize("make", DENSITIES.values(), ids=DENSITIES.keys())
every_mass = pytest.mark.parametrize("make", MASSES.values(), ids=MASSES.keys())


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def outputs(likelihood, shape, spread=1.0):
    return spread * torch.randn(shape[0], likelihood.output_channels(shape[1]), *shape[2:])


def images(likelihood, shape):
    x = torch.rand(shape)
    return x if likelihood.kind == "density" else (x * (likelihood.levels - 1)).round() / (likelihood.levels - 1)


def trained(make):
    """As evaluation meets a likelihood: after a batch of training, in evaluation mode."""
    likelihood = make()
    shape = (8, 3, 4, 4)
    likelihood.log_prob(images(likelihood, shape), 0.3 * outputs(likelihood, shape))
    return likelihood.eval()


def axis(likelihood):
    """Intensities in ascending order, from below the support to above it."""
    if likelihood.kind == "mass":
        return torch.arange(-1, likelihood.levels + 1) / (likelihood.levels - 1)
    if likelihood.support == "unit":
        return torch.linspace(-0.1, 1.1, 500)
    return torch.cat([torch.tensor([-1e9]), torch.linspace(-5, 5, 500), torch.tensor([1e9])])


def moving(values, channel, likelihood):
    """Images of one pixel and three channels, of which one takes all the values."""
    x = images(likelihood, (1, 3)).repeat(len(values), 1)
    x[:, channel] = values
    return x


# ── a distribution function ───────────────────────────────────────────────────────────────────────────────────────────


@every_likelihood
@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_it_rises_from_zero_to_one(make, spread):
    likelihood = trained(make)
    values, output = axis(likelihood), outputs(likelihood, (1, 3), spread)
    for channel, strict in product(range(3), [False, True]):
        x = moving(values, channel, likelihood)
        cdf = likelihood.cdf(x, output.expand(len(x), -1), strict)[:, channel].double().detach()
        assert cdf[0] < 1e-6
        assert cdf[-1] > 1 - 1e-6
        assert (cdf.diff() >= -1e-6).all()


@every_likelihood
def test_it_is_a_probability_at_extreme_outputs(make):
    likelihood = trained(make)
    for size, strict in product([20.0, 50.0], [False, True]):
        output = size * outputs(likelihood, (6, 3, 4, 4)).sign()
        cdf = likelihood.cdf(images(likelihood, (6, 3, 4, 4)), output, strict)
        assert ((cdf >= 0) & (cdf <= 1)).all()


@every_density
def test_between_two_points_it_grows_by_the_integral_of_the_density(make):
    likelihood = trained(make)
    x = torch.linspace(0.02, 0.97, 20_001)[:, None]
    for spread in (0.3, 2.0):
        output = outputs(likelihood, (1, 1), spread).expand(len(x), -1)
        with torch.no_grad():
            density, cdf = likelihood.log_prob(x, output).double().exp(), likelihood.cdf(x, output).double()
        assert torch.trapezoid(density, x[:, 0].double()).item() == pytest.approx((cdf[-1] - cdf[0]).item(), abs=1e-5)
        assert torch.equal(likelihood.cdf(x, output, strict=True), likelihood.cdf(x, output))


@every_mass
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_product_of_its_steps_is_the_mass(make, channels):
    """Also of chained channels, whose steps are those of conditionals."""
    likelihood = trained(make)
    output = outputs(likelihood, (500, channels))
    x = torch.cat([likelihood.sample(output[:300]), images(likelihood, (200, channels))])
    steps = likelihood.cdf(x, output) - likelihood.cdf(x, output, strict=True)
    torch.testing.assert_close(steps.prod(1), likelihood.log_prob(x, output).exp(), rtol=1e-3, atol=2e-6)


@every_mass
def test_below_a_level_is_up_to_the_one_before(make):
    likelihood = trained(make)
    levels = torch.arange(likelihood.levels)
    output = outputs(likelihood, (1, 1)).expand(len(levels), -1)
    x = (levels / (likelihood.levels - 1))[:, None]
    cdf, below = likelihood.cdf(x, output), likelihood.cdf(x, output, strict=True)
    assert torch.equal(below[1:], cdf[:-1])
    assert below[0] == 0
    assert cdf[-1] == 1
    between = x[:-1] + 0.5 / (likelihood.levels - 1)
    assert torch.equal(likelihood.cdf(between, output[1:]), cdf[:-1])


# ── own samples ───────────────────────────────────────────────────────────────────────────────────────────────────────


@every_likelihood
@pytest.mark.parametrize(("spread", "channels"), [(0.5, 3), (2.0, 1), (2.0, 3), (2.0, 4)])
def test_the_transform_of_own_samples_is_uniform_and_its_channels_are_uncorrelated(make, spread, channels):
    likelihood, draws = trained(make), 3000
    with torch.no_grad():
        output = outputs(likelihood, (draws, channels), spread)
        x = likelihood.sample(output)
        u = integral_transform(
            likelihood.cdf(x, output).numpy(), likelihood.cdf(x, output, strict=True).numpy(), seed=1
        )
    assert kstest(u.ravel(), "uniform").pvalue > 1e-4
    correlation = np.corrcoef(u, rowvar=False) - np.eye(channels) if channels > 1 else np.zeros(1)
    assert np.abs(correlation).max() < 5 / draws**0.5


@every_likelihood
def test_the_transform_of_anothers_samples_is_not_uniform(make):
    likelihood, draws = trained(make), 3000
    with torch.no_grad():
        output = outputs(likelihood, (draws, 1), 5.0)
        x = likelihood.sample(output.flip(0))
        u = integral_transform(
            likelihood.cdf(x, output).numpy(), likelihood.cdf(x, output, strict=True).numpy(), seed=1
        )
    assert kstest(u.ravel(), "uniform").pvalue < 1e-6


# ── shapes and types ──────────────────────────────────────────────────────────────────────────────────────────────────


@every_likelihood
def test_it_is_float32_and_has_the_shape_of_the_images(make):
    likelihood = trained(make)
    x, output = images(likelihood, (5, 3, 4, 6)), outputs(likelihood, (5, 3, 4, 6))
    cdf = likelihood.cdf(x, output.bfloat16().float())
    assert cdf.shape == x.shape
    assert cdf.dtype == torch.float32
    torch.testing.assert_close(likelihood.cdf(x.double(), output.bfloat16()), cdf)
    flat = likelihood.cdf(x.flatten(2), output.bfloat16().float().flatten(2))
    torch.testing.assert_close(flat, cdf.flatten(2))


@every_likelihood
def test_a_decoder_of_the_wrong_shape_is_refused(make):
    likelihood = trained(make)
    x, output = images(likelihood, (5, 3, 4, 4)), outputs(likelihood, (5, 3, 4, 4))
    with pytest.raises(ValueError, match="needs a decoder's output of shape"):
        likelihood.cdf(x, output[:, :, :1, :1])
