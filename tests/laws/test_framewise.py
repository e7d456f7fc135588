"""Clips are scored as their frames: every likelihood, folded over three frames, obeys the laws that it obeys alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from tests.laws.test_likelihoods import (
    EVERY,
    LEARNED,
    axis,
    every_density,
    every_likelihood,
    every_mass,
    images,
    outputs,
)

from kelbo.likelihoods import BitwiseCategorical, FixedGaussian, Framewise, OptimalGaussian, PerImageGaussian
from kelbo.metrics.calibration import integral_transform

CLIPS, FRAMES = 4, 3
FRAME = (3, 4, 4)
SHAPE = (CLIPS, FRAMES, *FRAME)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def clips(likelihood, shape=SHAPE, spread=1.0):
    """Clips that the likelihood can speak of, and a decoder's output for them."""
    frames = (shape[0] * shape[1], *shape[2:])
    x, output = images(likelihood, frames), outputs(likelihood, frames, spread)
    return x.unflatten(0, shape[:2]), output.unflatten(0, shape[:2])


def pair(make):
    """The likelihood of clips and, apart, that of frames, in evaluation mode after the same batch of training."""
    alone, framewise = make(), Framewise(make())
    x, output = clips(alone, spread=0.3)
    framewise.log_prob(x, output)
    alone.log_prob(x.flatten(0, 1), output.flatten(0, 1))
    return framewise.eval(), alone.eval()


def by_frame(function, *tensors):
    """A function of one frame of all clips at a time: (B, T, …)."""
    return torch.stack([function(*frame) for frame in zip(*(each.unbind(1) for each in tensors), strict=True)], 1)


@every_likelihood
def test_the_nats_of_a_clip_are_the_sum_over_its_frames(make):
    framewise, alone = pair(make)
    x, output = clips(framewise)
    nats = framewise.log_prob(x, output)
    assert nats.shape == (CLIPS,)
    torch.testing.assert_close(nats, by_frame(alone.log_prob, x, output).sum(1))


@every_likelihood
def test_mean_variance_distribution_function_and_floor_are_those_of_the_frames(make):
    framewise, alone = pair(make)
    x, output = clips(framewise)
    for ours, theirs in [
        (framewise.mean(output), by_frame(alone.mean, output)),
        (framewise.variance(output), by_frame(alone.variance, output)),
        (framewise.moments(output)[0], by_frame(alone.mean, output)),
        (framewise.moments(output)[1], by_frame(alone.variance, output)),
        (framewise.cdf(x, output), by_frame(alone.cdf, x, output)),
        (framewise.cdf(x, output, strict=True), by_frame(lambda a, b: alone.cdf(a, b, strict=True), x, output)),
    ]:
        assert ours.shape == SHAPE
        torch.testing.assert_close(ours, theirs)
    if framewise.sigma_floor is None:
        assert framewise.floored(output) is None
    else:
        assert torch.equal(framewise.floored(output), by_frame(alone.floored, output))


@every_mass
def test_every_mass_sums_to_one_over_all_clips(make):
    framewise = Framewise(make(2))
    values = torch.arange(framewise.levels) / (framewise.levels - 1)
    x = torch.cartesian_prod(*[values] * FRAMES).reshape(-1, FRAMES, 1)
    for spread in (1.0, 3.0, 20.0):
        _, output = clips(framewise, (1, FRAMES, 1), spread)
        total = framewise.log_prob(x, output.expand(len(x), -1, -1)).double().exp().sum()
        assert total.item() == pytest.approx(1, abs=5e-6)


@every_density
def test_every_density_integrates_to_one_over_two_frames(make):
    framewise, _ = pair(make)
    x, weights = axis(framewise, 500)
    x, weights = torch.cartesian_prod(x, x)[..., None], torch.cartesian_prod(weights, weights).prod(1)
    _, output = clips(framewise, (1, 2, 1), 0.5)
    with torch.no_grad():
        density = framewise.log_prob(x.float(), output.expand(len(x), -1, -1)).double().exp()
    assert (weights * density).sum().item() == pytest.approx(1, abs=2e-3)


@every_likelihood
def test_the_transform_of_own_samples_is_uniform_and_frames_are_uncorrelated(make):
    framewise, _ = pair(make)
    draws = 3000
    with torch.no_grad():
        _, output = clips(framewise, (1, FRAMES, 1), 2.0)
        output = output.expand(draws, -1, -1)
        x = framewise.sample(output)
        assert x.shape == (draws, FRAMES, 1)
        assert x.dtype == torch.float32
        u = integral_transform(
            framewise.cdf(x, output)[..., 0].numpy(), framewise.cdf(x, output, strict=True)[..., 0].numpy(), seed=1
        )
    assert np.abs(u.mean(0) - 0.5).max() < 5 * (1 / 12 / draws) ** 0.5
    assert np.abs(np.corrcoef(u, rowvar=False) - np.eye(FRAMES)).max() < 5 / draws**0.5


@every_likelihood
def test_answers_are_float32_whatever_comes_in_and_a_batch_is_scored_as_its_parts(make):
    framewise, _ = pair(make)
    x, output = clips(framewise)
    expected = framewise.log_prob(x, output.bfloat16().float())
    for given, seen in [(x, output.bfloat16()), (x.double(), output.bfloat16().double())]:
        nats = framewise.log_prob(given, seen)
        assert nats.dtype == torch.float32
        torch.testing.assert_close(nats, expected)
    parts = [framewise.log_prob(*part) for part in zip(x.split(3), output.split(3), strict=True)]
    torch.testing.assert_close(torch.cat(parts), framewise.log_prob(x, output))


@every_likelihood
@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_those_of_the_frames_and_finite_at_extreme_outputs(make, training):
    framewise, alone = (likelihood.train(training) for likelihood in pair(make))
    for size, sign in product([0.0, 1.0, 20.0, 50.0], [False, True]):
        x, output = clips(framewise)
        output = size * (output.sign() if sign else output)
        ours, theirs = output.clone().requires_grad_(), output.clone().requires_grad_()
        framewise.log_prob(x, ours).sum().backward()
        alone.log_prob(x.flatten(0, 1), theirs.flatten(0, 1)).sum().backward()
        assert ours.grad.isfinite().all()
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_parameter_gets_its_gradient(name):
    framewise = Framewise(EVERY[name]())
    framewise.log_prob(*clips(framewise)).sum().backward()
    parameters = dict(framewise.named_parameters())
    assert parameters
    assert all(parameter.ndim == 0 and parameter.grad != 0 for parameter in parameters.values())


@every_likelihood
def test_what_a_likelihood_knows_of_itself_passes_through(make):
    for framewise, alone in (pair(make), (Framewise(make()), make())):
        for name in ("kind", "support", "sigma_from", "sigma_floor", "levels", "normalized"):
            assert getattr(framewise, name) == getattr(alone, name)
        assert framewise.output_channels(3) == alone.output_channels(3)


@every_likelihood
def test_a_solved_sigma_is_settled_and_forgotten_inside(make):
    framewise, alone = pair(make)
    _, output = clips(framewise)
    if alone.sigma_from == "solved":
        before = framewise.variance(output)
        with framewise.settled(0.25):
            assert torch.allclose(framewise.variance(output), torch.tensor(0.25))
        assert torch.equal(framewise.variance(output), before)
    else:
        with pytest.raises(TypeError):
            framewise.settle(0.25)
    assert framewise.forget() == alone.forget()
    assert [value.tolist() for value in framewise.buffers()] == [value.tolist() for value in alone.buffers()]


def test_a_sigma_of_the_batch_is_of_all_frames_and_a_sigma_of_each_image_is_of_each_frame():
    x = torch.zeros(1, 2, 1, 2, 2)
    output = torch.tensor([0.1, 0.3]).view(1, 2, 1, 1, 1).expand(1, 2, 1, 2, 2)
    whole, each = Framewise(OptimalGaussian()), Framewise(PerImageGaussian())
    shared = FixedGaussian((0.5 * (0.1**2 + 0.3**2)) ** 0.5)
    assert whole.log_prob(x, output).item() == pytest.approx(shared.log_prob(x[0], output[0]).sum().item(), rel=1e-5)
    own = [FixedGaussian(error).log_prob(x[0, :1], output[0, t : t + 1]).item() for t, error in enumerate([0.1, 0.3])]
    assert each.log_prob(x, output).item() == pytest.approx(sum(own), rel=1e-5)


@every_likelihood
def test_lanes_of_clips_are_scored_by_one_program(make):
    framewise, _ = pair(make)
    x, output = clips(framewise)
    stacked = torch.vmap(framewise.log_prob)(torch.stack([x, x]), torch.stack([output, output]))
    torch.testing.assert_close(stacked[1], framewise.log_prob(x, output))


@pytest.mark.parametrize("shape", [(2, 6, 1, 4, 4), (3, 4, 1, 4, 4)])
def test_clips_and_outputs_of_other_numbers_are_refused_though_as_many_frames(shape):
    framewise, x = Framewise(BitwiseCategorical(1)), torch.zeros(4, 3, 1, 4, 4)
    for ask in (framewise.log_prob, framewise.cdf):
        with pytest.raises(ValueError, match=r"same B and T; got \(4, 3, 1, 4, 4\)"):
            ask(x, torch.zeros(shape))
    with pytest.raises(ValueError, match=r"clips \(B, T, C, …\)"):
        framewise.log_prob(torch.zeros(4, 3), torch.zeros(4, 3))


def test_a_frame_of_the_wrong_shape_is_refused_as_an_image_is():
    framewise = Framewise(FixedGaussian())
    with pytest.raises(ValueError, match="output_channels"):
        framewise.log_prob(torch.zeros(4, 3, 1, 4, 4), torch.zeros(4, 3, 2, 4, 4))


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("kind", [OptimalGaussian, PerImageGaussian])
def test_clips_in_parts_have_gradient_and_sigma_of_the_whole_batch(kind, as_published):
    def made():
        return Framewise(kind(as_published=as_published, mean_activation="sigmoid"))

    whole, parted = made(), made()
    x, output = clips(whole)
    x = (
        torch.sigmoid(output) + 1e-3 * x * torch.arange(1, CLIPS + 1)[:, None, None, None, None]
    )  # σ below its soft floor
    first, second = (output.clone().requires_grad_() for _ in range(2))
    (-whole.log_prob(x, first).mean()).backward()
    with parted.sharing(parted.solve(x, second)):
        for part, of_part in zip(x.split(2), second.split(2), strict=True):
            (-parted.log_prob(part, of_part).mean() / 2).backward()
    assert first.grad.norm() > 0
    torch.testing.assert_close(second.grad, first.grad, rtol=1e-4, atol=1e-4 * float(first.grad.abs().max()))
    for name, value in whole.named_buffers():
        torch.testing.assert_close(dict(parted.named_buffers())[name], value, msg=name)
