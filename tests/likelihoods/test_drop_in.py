"""Likelihoods as a loss in somebody else's code: other ranges, any rank, autocast, and images that cannot be meant."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import nn

from kelbo.errors import RecipeError, UnitError
from kelbo.likelihoods import (
    Bernoulli,
    BitwiseCategorical,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    Laplace,
    OptimalGaussian,
    PerImageGaussian,
    PerPixelGaussian,
    SharedGaussian,
    StudentT,
)

OF_A_RANGE = {
    "SharedGaussian": partial(SharedGaussian, -1.0),
    "PerPixelGaussian": PerPixelGaussian,
    "OptimalGaussian": OptimalGaussian,
    "OptimalGaussian as published": partial(OptimalGaussian, as_published=True),
    "PerImageGaussian": PerImageGaussian,
    "Laplace": Laplace,
    "StudentT": StudentT,
}
OF_INTENSITIES = {
    "Bernoulli": Bernoulli,
    "ContinuousBernoulli": ContinuousBernoulli,
    "Categorical": partial(Categorical, 4),
    "BitwiseCategorical": BitwiseCategorical,
    "DiscretizedLogistic": DiscretizedLogistic,
    "DiscretizedLogisticMixture": DiscretizedLogisticMixture,
}
EVERY = OF_A_RANGE | OF_INTENSITIES

of_a_range = pytest.mark.parametrize("make", OF_A_RANGE.values(), ids=OF_A_RANGE.keys())
of_intensities = pytest.mark.parametrize("make", OF_INTENSITIES.values(), ids=OF_INTENSITIES.keys())
every_likelihood = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def some(likelihood, shape):
    """Images of black and white, which all can speak of, and a decoder's output for them."""
    output = torch.randn(shape[0], likelihood.output_channels(shape[1]), *shape[2:])
    return torch.randint(0, 2, shape).float(), output


# ── images on another range ───────────────────────────────────────────────────────────────────────────────────────────


def on_both(make, error):
    """Nats and gradients with respect to the mean, on [0, 1] and on [-1, 1] with means and images carried there."""
    x = torch.rand(4, 3, 5, 5)
    rest = torch.randn(4, make().output_channels(3) - 3, 5, 5)
    noise, answers = torch.randn_like(x), []
    for scale, shift in [(1.0, 0.0), (2.0, -1.0)]:
        likelihood = make(data_range=scale)
        mean = (scale * (x + error * noise) + shift).requires_grad_()
        for training in (True, False):
            nats = likelihood.train(training).log_prob(scale * x + shift, torch.cat([mean, rest], 1))
            answers.append((nats, torch.autograd.grad(nats.sum(), mean)[0]))
    return answers[:2], answers[2:]


@of_a_range
@pytest.mark.parametrize("error", [0.3, 0.03, 1e-5])
def test_images_on_another_range_train_the_same_and_their_nats_differ_by_the_change_of_unit(make, error):
    for (nats, gradient), (wider_nats, wider_gradient) in zip(*on_both(make, error), strict=True):
        torch.testing.assert_close(wider_nats + 75 * math.log(2), nats, rtol=1e-4, atol=0.02)
        largest = gradient.abs().max().item()
        torch.testing.assert_close(2 * wider_gradient, gradient, rtol=0.01, atol=0.01 * largest)


@of_a_range
def test_the_floor_of_sigma_is_the_same_share_of_any_range(make):
    x = torch.zeros(2, 3, 4, 4)
    floors = []
    for data_range in (1.0, 2.0, 255.0):
        likelihood = make(data_range=data_range)
        for parameter in likelihood.parameters():
            parameter.data.fill_(-50.0)
        output = torch.full((2, likelihood.output_channels(3), 4, 4), -50.0)
        output[:, :3] = 0
        likelihood.log_prob(x, output)
        floors.append(likelihood.variance(output).mean().sqrt().item() / data_range)
    assert floors == pytest.approx([floors[0]] * 3)
    assert floors[0] < 0.02


@pytest.mark.parametrize("family", [OptimalGaussian, SharedGaussian, PerPixelGaussian, Laplace, StudentT])
@pytest.mark.parametrize("data_range", [0.0, -1.0, float("inf"), float("nan")])
def test_a_range_that_is_no_length_is_refused(family, data_range):
    with pytest.raises(RecipeError, match=rf"likelihood.data_range must be positive .*\[-1, 1\]\); got {data_range}"):
        family(data_range=data_range)


def test_a_mean_squashed_by_tanh_leaves_sigma_alone():
    output = torch.tensor([[5.0, -3.0]])
    likelihood = PerPixelGaussian(mean_activation="tanh", data_range=2.0)
    assert likelihood.mean(output).item() == pytest.approx(math.tanh(5.0))
    assert likelihood.variance(output).sqrt().item() == pytest.approx(2 * math.exp(-3.0), rel=0.06)  # a soft clip


# ── images that cannot be meant ───────────────────────────────────────────────────────────────────────────────────────


@of_intensities
@pytest.mark.parametrize(
    ("carry", "met"),
    [(lambda x: 2 * x - 1, "-1 to 1"), (lambda x: 255 * x, "0 to 255"), (lambda x: x / 0, "nan to nan")],
)
def test_images_outside_of_the_unit_interval_are_refused(make, carry, met):
    likelihood = make()
    x, output = some(likelihood, (4, 3, 4, 4))
    with pytest.raises(UnitError, match=rf"{type(likelihood).__name__} needs intensities in \[0, 1\].*from {met}\."):
        likelihood.log_prob(carry(x), output)


@of_intensities
def test_images_are_looked_at_again_when_evaluation_begins(make):
    likelihood = make()
    x, output = some(likelihood, (4, 3, 4, 4))
    likelihood.log_prob(x, output)
    likelihood.eval()
    with pytest.raises(UnitError):
        likelihood.log_prob(2 * x - 1, output)


@of_intensities
def test_a_rounding_error_outside_of_the_unit_interval_passes(make):
    likelihood = make()
    x, output = some(likelihood, (4, 3, 4, 4))
    nats = likelihood.log_prob((2 * x - 1.0000001 + 1) / 2, output)
    torch.testing.assert_close(nats, likelihood.log_prob(x, output))


@of_intensities
def test_lanes_whose_values_cannot_be_looked_at_are_scored(make):
    likelihood = make()
    x, output = some(likelihood, (4, 3, 4, 4))
    stacked = torch.vmap(likelihood.log_prob)(torch.stack([x, x]), torch.stack([output, output]))
    torch.testing.assert_close(stacked[1], likelihood.log_prob(x, output))


@every_likelihood
def test_a_single_vector_is_told_from_a_batch(make):
    with pytest.raises(ValueError, match=r"needs images \(B, C, …\) or vectors \(B, D\); got \(784,\)"):
        make().log_prob(torch.zeros(784), torch.zeros(784))


# ── in another's model ────────────────────────────────────────────────────────────────────────────────────────────────


@every_likelihood
def test_a_video_is_scored_as_the_image_of_its_frames_side_by_side(make):
    likelihood = make()
    x, output = some(likelihood, (3, 2, 5, 4, 4))  # (B, C, T, H, W)
    side_by_side = likelihood.log_prob(x.flatten(2, 3), output.flatten(2, 3))
    torch.testing.assert_close(likelihood.log_prob(x, output), side_by_side)
    assert likelihood.mean(output).shape == x.shape


@every_likelihood
def test_autocast_around_the_loss_changes_nothing(make):
    likelihood = make()
    x, output = some(likelihood, (4, 3, 8, 8))
    expected = likelihood.log_prob(x, output)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        nats = likelihood.log_prob(x, output)
    assert nats.dtype == torch.float32
    assert torch.equal(nats, expected)


@pytest.mark.parametrize(("make", "name"), [(SharedGaussian, "log_sigma"), (OptimalGaussian, "running_variance")])
def test_sigma_is_saved_loaded_and_frozen_with_the_model_it_is_a_part_of(make, name):
    def model():
        return nn.ModuleDict({"decoder": nn.Linear(2, 6), "likelihood": make()})

    one, other, z, x = model(), model(), torch.randn(8, 2), torch.rand(8, 6)
    optimizer = torch.optim.Adam(one.parameters(), lr=0.1)
    for _ in range(3):
        loss = -one["likelihood"].log_prob(x, one["decoder"](z)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert f"likelihood.{name}" in one.state_dict()
    other.load_state_dict(one.state_dict())
    answers = [m["likelihood"].log_prob(x[:3], m["decoder"](z[:3])) for m in (one.eval(), other.eval())]
    assert torch.equal(*answers)
    assert getattr(other["likelihood"], name).item() != getattr(make(), name).item()
