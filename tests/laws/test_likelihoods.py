"""What every likelihood must obey. A new one is one more line in DENSITIES or MASSES."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from kelbo.likelihoods import (
    AveragedSquaredError,
    Bernoulli,
    BitwiseCategorical,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    FixedGaussian,
    Laplace,
    OptimalGaussian,
    PerImageGaussian,
    PerPixelGaussian,
    SharedGaussian,
    StudentT,
)
from kelbo.units import levels

DENSITIES = {
    "FixedGaussian": partial(FixedGaussian, 0.1),
    "FixedGaussian sigmoid": partial(FixedGaussian, 0.3, mean_activation="sigmoid"),
    "AveragedSquaredError": partial(AveragedSquaredError, batch_size=3),
    "SharedGaussian": partial(SharedGaussian, -1.0),
    "PerPixelGaussian": PerPixelGaussian,
    "OptimalGaussian": OptimalGaussian,
    "PerImageGaussian": PerImageGaussian,
    "Laplace fixed": partial(Laplace, 0.2),
    "Laplace learned": Laplace,
    "StudentT": StudentT,
    "ContinuousBernoulli": ContinuousBernoulli,
}
MASSES = {  # by the number of bits
    "Bernoulli": lambda _: Bernoulli(),
    "Categorical": lambda bits: Categorical(2**bits),
    "BitwiseCategorical": BitwiseCategorical,
    "DiscretizedLogistic": DiscretizedLogistic,
    "DiscretizedLogisticMixture": lambda bits: DiscretizedLogisticMixture(3, bits),
}
LEARNED = ["SharedGaussian", "Laplace learned"]
EVERY = DENSITIES | {name: partial(make, 5) for name, make in MASSES.items()}

every_likelihood = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())
every_density = pytest.mark.parametrize("make", DENSITIES.values(), ids=DENSITIES.keys())
every_mass = pytest.mark.parametrize("make", MASSES.values(), ids=MASSES.keys())


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def outputs(likelihood, shape, spread=1.0):
    """A decoder's output for images of `shape`: normal draws. Freedom is high, so that Student's variance has an error."""
    output = spread * torch.randn(shape[0], likelihood.output_channels(shape[1]), *shape[2:])
    if isinstance(likelihood, StudentT):
        output[:, -shape[1] :] += 8
    return output


def images(likelihood, shape):
    """Images that the likelihood can speak of."""
    x = torch.rand(shape)
    return x if likelihood.kind == "density" else levels(x, likelihood.levels) / (likelihood.levels - 1)


def trained(make):
    """As evaluation meets a likelihood: after a batch of training, in evaluation mode."""
    likelihood = make()
    shape = (8, 3, 4, 4)
    likelihood.log_prob(images(likelihood, shape), 0.3 * outputs(likelihood, shape))
    return likelihood.eval()


def axis(likelihood, points):
    """Abscissas and weights of the trapezoid rule over the support of one pixel; the real line by way of a tangent."""
    if likelihood.support == "unit":
        x = torch.linspace(0, 1, points, dtype=torch.float64)
        weights = torch.full_like(x, 1 / (points - 1))
        weights[0] = weights[-1] = 0.5 / (points - 1)
        return x, weights
    angle = (torch.arange(points, dtype=torch.float64) + 0.5) / points * torch.pi - torch.pi / 2
    return angle.tan(), torch.pi / points * (1 + angle.tan().square())


def density(likelihood, x, output):
    """exp(log_prob) in float64 of points x (N, C) under one output (1, P)."""
    with torch.no_grad():
        return likelihood.log_prob(x.float(), output.expand(len(x), -1)).double().exp()


def all_images(likelihood, channels):
    values = torch.arange(likelihood.levels) / (likelihood.levels - 1)
    return torch.cartesian_prod(*[values] * channels).reshape(-1, channels)


@every_mass
@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (5, 1), (5, 3), (3, 4)])
def test_every_mass_sums_to_one_over_all_images(make, bits, channels):
    likelihood = make(bits)
    x = all_images(likelihood, channels)
    for spread in (1.0, 3.0, 20.0):
        output = outputs(likelihood, (1, channels), spread)
        assert density(likelihood, x, output).sum().item() == pytest.approx(1, abs=5e-6)


@every_mass
def test_every_mass_sums_to_one_at_extreme_outputs(make):
    likelihood = make(8)
    x = all_images(likelihood, 1)
    for size in [20.0] * 6 + [50.0] * 6:
        output = size * outputs(likelihood, (1, 1)).sign()
        assert density(likelihood, x, output).sum().item() == pytest.approx(1, abs=5e-6)


@every_density
@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_every_density_integrates_to_one_over_a_pixel(make, spread):
    likelihood = trained(make)
    x, weights = axis(likelihood, 40_000)
    for _ in range(2):
        integral = (weights * density(likelihood, x[:, None], outputs(likelihood, (1, 1), spread))).sum()
        assert integral.item() == pytest.approx(1, abs=2e-4)


@every_density
def test_every_density_integrates_to_one_over_two_pixels(make):
    likelihood = trained(make)
    x, weights = axis(likelihood, 500)
    x, weights = torch.cartesian_prod(x, x), torch.cartesian_prod(weights, weights).prod(1)
    integral = (weights * density(likelihood, x, outputs(likelihood, (1, 2), 0.5))).sum()
    assert integral.item() == pytest.approx(1, abs=2e-3)


@every_likelihood
def test_every_likelihood_says_that_it_is_normalised_in_evaluation_mode(make):
    assert trained(make).normalized


@every_mass
@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (3, 3), (2, 4)])
def test_samples_of_a_mass_are_as_frequent_as_it_says(make, bits, channels):
    likelihood, draws = make(bits), 20_000
    x, output = all_images(likelihood, channels), outputs(likelihood, (1, channels))
    expected = draws * density(likelihood, x, output)
    drawn = levels(likelihood.sample(output.expand(draws, -1)), likelihood.levels)
    places = likelihood.levels ** torch.arange(channels - 1, -1, -1)
    counts = torch.bincount((drawn * places).sum(1), minlength=len(x)).double()
    often = expected >= 5
    pool = [*counts[often].tolist(), counts[~often].sum().item() + 1e-9]
    share = [*expected[often].tolist(), expected[~often].sum().item() + 1e-9]
    assert chisquare(pool, np.asarray(share) * sum(pool) / sum(share)).pvalue > 1e-4


@every_density
@pytest.mark.parametrize("spread", [0.5, 2.0])
def test_samples_of_a_density_follow_its_distribution_function(make, spread):
    likelihood = trained(make)
    x, weights = axis(likelihood, 40_000)
    output = outputs(likelihood, (1, 1), spread)
    cumulative = (weights * density(likelihood, x[:, None], output)).cumsum(0)
    draws = likelihood.sample(output.expand(5000, -1)).detach().squeeze(1).double()
    assert kstest(draws.numpy(), lambda value: np.interp(value, x, cumulative)).pvalue > 1e-4


@every_likelihood
@pytest.mark.parametrize("channels", [1, 3])
def test_mean_and_variance_are_those_of_the_samples(make, channels):
    likelihood, draws = trained(make), 4000
    with torch.no_grad():
        for spread in (0.5, 2.0):
            output = outputs(likelihood, (1, channels), spread)
            mean, variance = likelihood.mean(output).double(), likelihood.variance(output).double()
            samples = likelihood.sample(output.expand(draws, -1)).double()
            squares = (samples - mean).square()
            rare = 1 / draws  # an event that so few draws may miss
            assert ((samples.mean(0) - mean).abs() < 5 * (variance / draws).sqrt() + 1e-6).all()
            assert ((squares.mean(0) - variance).abs() < 5 * squares.std(0) / draws**0.5 + rare).all()


@every_likelihood
def test_samples_lie_in_the_support_and_have_the_shape_of_images(make):
    likelihood = trained(make)
    shape = (5, 3, 4, 6)
    output = outputs(likelihood, shape, 3.0)
    sample = likelihood.sample(output)
    assert sample.shape == likelihood.mean(output).shape == likelihood.variance(output).shape == shape
    assert sample.dtype == likelihood.mean(output).dtype == likelihood.variance(output).dtype == torch.float32
    if likelihood.support != "real":
        assert sample.min() >= 0
        assert sample.max() <= 1
    if likelihood.kind == "mass":
        top = likelihood.levels - 1
        assert torch.equal(sample, (sample * top).round() / top)


@every_likelihood
def test_answers_are_float32_nats_per_example_whatever_comes_in(make):
    likelihood = trained(make)
    x, output = images(likelihood, (5, 3, 4, 4)), outputs(likelihood, (5, 3, 4, 4))
    expected = likelihood.log_prob(x, output.bfloat16().float())
    assert expected.shape == (5,)
    for given, seen in [(x, output.bfloat16()), (x.double(), output.bfloat16().double())]:
        nats = likelihood.log_prob(given, seen)
        assert nats.dtype == torch.float32
        torch.testing.assert_close(nats, expected)


@every_likelihood
def test_a_batch_is_scored_as_its_parts(make):
    likelihood = trained(make)
    x, output = images(likelihood, (7, 3, 4, 4)), outputs(likelihood, (7, 3, 4, 4))
    parts = [likelihood.log_prob(*part) for part in zip(x.split(3), output.split(3), strict=True)]
    torch.testing.assert_close(torch.cat(parts), likelihood.log_prob(x, output))


@every_likelihood
def test_the_shape_of_the_event_makes_no_difference(make):
    likelihood = trained(make)
    x, output = images(likelihood, (5, 3, 4, 4)), outputs(likelihood, (5, 3, 4, 4))
    torch.testing.assert_close(likelihood.log_prob(x.flatten(2), output.flatten(2)), likelihood.log_prob(x, output))
    torch.testing.assert_close(likelihood.mean(output.flatten(2)), likelihood.mean(output).flatten(2))
    x, output = images(likelihood, (5, 12)), outputs(likelihood, (5, 12))
    one_pixel = likelihood.log_prob(x[..., None, None], output[..., None, None])
    torch.testing.assert_close(likelihood.log_prob(x, output), one_pixel)


@every_likelihood
def test_a_decoder_of_the_wrong_shape_is_refused(make):
    likelihood = trained(make)
    x, output = images(likelihood, (5, 3, 4, 4)), outputs(likelihood, (5, 3, 4, 4))
    with pytest.raises(ValueError, match=r"needs a decoder's output of shape .*Give the decoder output_channels\(3\)"):
        likelihood.log_prob(x, output[:, :, :1, :1])


@every_likelihood
@pytest.mark.parametrize("training", [False, True])
def test_nats_and_gradients_are_finite_at_extreme_outputs(make, training):
    likelihood = trained(make).train(training)
    for size, x in product([0.0, 20.0, 50.0], [images(likelihood, (6, 3, 2, 2)), torch.zeros(6, 3, 2, 2)]):
        output = (size * outputs(likelihood, x.shape).sign()).requires_grad_()
        nats = likelihood.log_prob(x, output)
        assert nats.isfinite().all()
        nats.sum().backward()
        assert output.grad.isfinite().all()


@every_likelihood
@pytest.mark.parametrize("training", [False, True])
def test_nats_and_gradients_are_finite_at_a_perfect_reconstruction(make, training):
    likelihood = trained(make).train(training)
    output = outputs(likelihood, (6, 3, 4, 4)).requires_grad_()
    x = likelihood.mean(output).detach()
    nats = likelihood.log_prob(x, output)
    nats.sum().backward()
    assert nats.isfinite().all()
    assert output.grad.isfinite().all()


@pytest.mark.parametrize("name", LEARNED)
def test_every_learned_parameter_has_no_dimensions_and_gets_a_gradient(name):
    likelihood = EVERY[name]()
    shape = (4, 3, 4, 4)
    likelihood.log_prob(images(likelihood, shape), outputs(likelihood, shape)).sum().backward()
    parameters = dict(likelihood.named_parameters())
    assert parameters
    assert all(parameter.ndim == 0 and parameter.grad != 0 for parameter in parameters.values())


def test_only_the_listed_likelihoods_learn_parameters_of_their_own():
    assert [name for name, make in EVERY.items() if list(make().parameters())] == LEARNED


@every_likelihood
@pytest.mark.parametrize("channels", [1, 3])
def test_the_moments_are_mean_and_variance_at_once(make, channels):
    likelihood = trained(make)
    output = outputs(likelihood, (2, channels, 3, 3))
    mean, variance = likelihood.moments(output)
    assert torch.equal(mean, likelihood.mean(output))
    assert torch.equal(variance, likelihood.variance(output))
