"""σ's floor: who has one, and that what lies on it is told."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from tests.laws.test_likelihoods import (
    DENSITIES,
    every_density,
    every_likelihood,
    every_mass,
    outputs,
    trained,
)

from kelbo.likelihoods import OptimalGaussian, PerImageGaussian, PerPixelGaussian, SharedGaussian, StudentT


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@every_likelihood
@pytest.mark.parametrize("size", [0.0, 2.0, 50.0])
def test_no_variance_is_below_the_floor_and_what_lies_on_it_is_told(make, size):
    likelihood = trained(make)
    output = size * outputs(likelihood, (4, 3, 3, 3))
    floor, floored = likelihood.sigma_floor, likelihood.floored(output)
    if floor is None:
        assert floored is None
        return
    variance = likelihood.variance(output)
    assert (variance >= 0.999 * floor**2).all()
    assert floored.dtype == torch.bool
    assert floored.shape == variance.shape
    assert not floored[variance > 25 * floor**2].any()  # heavy tails have up to 21 squared scales


@pytest.mark.parametrize("make", [PerPixelGaussian, StudentT])
def test_a_pixels_own_sigma_is_on_its_floor_where_the_decoder_says_so(make):
    likelihood = make()
    output = torch.zeros(2, likelihood.output_channels(1), 3, 3)
    output[0, 1, 0, 0] = -9.0
    expected = torch.zeros(2, 1, 3, 3, dtype=torch.bool)
    expected[0, 0, 0, 0] = True
    assert torch.equal(likelihood.floored(output), expected)


@pytest.mark.parametrize(
    ("make", "on_it"), [(partial(SharedGaussian, -9.0), True), (partial(SharedGaussian, -5.0), False)]
)
def test_a_shared_sigma_is_on_its_floor_for_all_pixels_or_none(make, on_it):
    assert (make().floored(torch.zeros(2, 1, 3, 3)) == on_it).all()


def test_an_analytic_sigma_is_on_its_floor_after_batches_without_error():
    x = torch.rand(4, 1, 3, 3)
    for likelihood in (OptimalGaussian(), PerImageGaussian()):
        likelihood.log_prob(x, x)
        assert likelihood.floored(x).all()
        likelihood.log_prob(x, x + 0.1)
        assert not likelihood.floored(x).any()


@every_mass
def test_a_mass_has_no_floor_and_no_sigma_to_be_its_error(make):
    assert make(4).sigma_floor is None
    assert make(4).sigma_from is None


@every_density
def test_only_what_is_learned_or_solved_for_has_a_floor(make):
    likelihood = make()
    chosen = likelihood.sigma_from == "given" or make in (DENSITIES["Laplace fixed"], DENSITIES["ContinuousBernoulli"])
    assert (likelihood.sigma_floor is None) == chosen
