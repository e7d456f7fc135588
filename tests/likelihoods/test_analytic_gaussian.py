"""σ solved for: the same loss with less to learn, and a measure only once it is frozen."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from kelbo.errors import RecipeError, RunError
from kelbo.likelihoods import OptimalGaussian, PerImageGaussian, SharedGaussian

BOTH = pytest.mark.parametrize("family", [OptimalGaussian, PerImageGaussian])


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(6, 3, 4, 4, generator=generator)
    error = torch.randn(6, 3, 4, 4, generator=generator) * torch.linspace(0.05, 0.2, 6).view(6, 1, 1, 1)
    return x, (x + error).requires_grad_()


def loss_gradient(likelihood, x, output):
    return torch.autograd.grad(-likelihood.log_prob(x, output).sum(), output)[0]


# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_training_loss_is_half_d_log_of_the_mean_squared_error_and_a_constant(pair):
    x, output = pair
    error = (x - output).square().mean()
    expected = 6 * 48 / 2 * (error.log() + 1 + math.log(2 * math.pi))
    torch.testing.assert_close(-OptimalGaussian().log_prob(x, output).sum(), expected)


def test_the_per_image_loss_is_half_d_log_of_each_images_own_error(pair):
    x, output = pair
    error = (x - output).square().flatten(1).mean(1)
    expected = 48 / 2 * (error.log() + 1 + math.log(2 * math.pi))
    torch.testing.assert_close(-PerImageGaussian().log_prob(x, output), expected)


def test_no_shared_sigma_does_better_on_the_batch_than_the_optimal_one(pair):
    x, output = pair
    best = OptimalGaussian().log_prob(x, output).sum()
    log_sigma = 0.5 * (x - output).square().mean().log().item()
    others = [SharedGaussian(log_sigma + offset).log_prob(x, output).sum() for offset in (-0.1, -0.05, 0.0, 0.05, 0.1)]
    assert all(best >= other for other in others)


@BOTH
def test_stopping_the_gradient_through_sigma_changes_nothing_at_its_optimum(family, pair):
    flowing, stopped = (loss_gradient(family(detach=detach), *pair) for detach in (False, True))
    torch.testing.assert_close(flowing, stopped, rtol=1e-4, atol=1e-4 * flowing.abs().max().item())


@BOTH
def test_the_published_soft_clip_leaves_the_optimum_so_stopping_the_gradient_matters(family, pair):
    x, output = pair
    close = (x + 0.05 * (output - x)).detach().requires_grad_()  # ln σ of about -5
    flowing, stopped = (loss_gradient(family(detach=detach, as_published=True), x, close) for detach in (False, True))
    assert (flowing - stopped).norm() > 0.1 * flowing.norm()


@pytest.mark.parametrize(("log_sigma", "bias"), [(-2.5, 0.03), (-4, 0.135), (-5, 0.37)])
def test_the_published_soft_clip_makes_sigma_too_large(log_sigma, bias):
    x, sigma = torch.zeros(4, 8), math.exp(log_sigma)
    output = torch.full((4, 8), sigma)
    published, corrected = OptimalGaussian(as_published=True), OptimalGaussian()
    for likelihood in (published, corrected):
        likelihood.log_prob(x, output)
    assert published.variance(output)[0, 0].sqrt().item() / sigma - 1 == pytest.approx(bias, abs=0.003)
    assert corrected.variance(output)[0, 0].sqrt().item() == pytest.approx(sigma)


@BOTH
@pytest.mark.parametrize("as_published", [False, True])
def test_a_perfect_reconstruction_stops_at_the_floor_with_gradient_zero(family, as_published):
    x = torch.rand(4, 3, 2, 2)
    output = x.clone().requires_grad_()
    likelihood = family(as_published=as_published)
    nats = likelihood.log_prob(x, output)
    nats.sum().backward()
    torch.testing.assert_close(nats, torch.full((4,), 12 * (6 - 0.5 * math.log(2 * math.pi))))
    assert torch.equal(output.grad, torch.zeros_like(x))


# ── evaluation ────────────────────────────────────────────────────────────────────────────────────────────────────────


@BOTH
def test_the_first_batch_initialises_the_running_estimate_and_the_next_ones_average(family, pair):
    x, output = pair
    likelihood, errors = family(), []
    for scale in (1.0, 2.0, 3.0):
        shown = x + scale * (output - x)
        likelihood.log_prob(x, shown)
        errors.append((x - shown).square().mean())
        torch.testing.assert_close(likelihood.variance(output), torch.stack(errors).mean().expand(6, 3, 4, 4))


def test_after_many_batches_the_running_estimate_forgets_by_its_momentum():
    likelihood, x = OptimalGaussian(momentum=0.5), torch.zeros(2, 3)
    for error in (1.0, 2.0, 3.0, 4.0):
        likelihood.log_prob(x, torch.full((2, 3), error))
    expected = ((1 + 4) / 2 + 9) / 4 + 16 / 2
    assert likelihood.variance(x)[0, 0].item() == pytest.approx(expected)


@BOTH
@pytest.mark.parametrize("broken", [1e20, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("first", [True, False])
def test_a_running_statistic_takes_in_nothing_that_is_not_finite(family, pair, broken, first):
    x, output = pair
    likelihood, expected = family(), family()
    likelihood.log_prob(x, x + 2 * (output - x) if not first else output + broken)
    likelihood.log_prob(x, output + broken if not first else x + 2 * (output - x))
    likelihood.log_prob(x, output)
    for scale in (2, 1):
        expected.log_prob(x, x + scale * (output - x))
    assert torch.equal(likelihood.running_variance, expected.running_variance)
    assert likelihood.batches == 2


@BOTH
def test_one_broken_image_keeps_its_whole_batch_out_of_the_running_statistic(family, pair):
    x, output = (part.detach().clone() for part in pair)
    likelihood = family()
    likelihood.log_prob(x, output)
    kept = likelihood.running_variance.clone()
    output[3, 1, 2, 2] = 1e30
    likelihood.log_prob(x, output)
    assert torch.equal(likelihood.running_variance, kept)
    assert likelihood.batches == 1


@BOTH
@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("reentrant", [False, True])
def test_a_running_statistic_counts_a_step_once_where_activations_are_computed_again(
    family, as_published, reentrant, pair
):
    x, output = pair
    likelihood, plain = family(as_published=as_published), family(as_published=as_published)
    again = checkpoint(lambda raw: likelihood.log_prob(x, raw), output, use_reentrant=reentrant)
    again.sum().backward()
    assert likelihood.batches == 1
    torch.testing.assert_close(output.grad, loss_gradient(plain, x, output).neg())
    assert torch.equal(likelihood.running_variance, plain.running_variance)
    likelihood.log_prob(x, output)
    assert likelihood.batches == 2


@BOTH
def test_evaluation_scores_by_the_training_error_and_learns_nothing(family, pair):
    x, output = pair
    likelihood = family()
    likelihood.log_prob(x, output)
    likelihood.eval()
    before = {name: value.clone() for name, value in likelihood.state_dict().items()}
    sigma = (x - output).square().mean().sqrt()
    worse = x + 3 * (output - x)
    expected = torch.distributions.Normal(worse, sigma).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.log_prob(x, worse), expected)
    assert all(torch.equal(value, before[name]) for name, value in likelihood.state_dict().items())


@BOTH
def test_no_gradient_reaches_the_running_estimate(family, pair):
    likelihood = family()
    likelihood.log_prob(*pair)
    assert not likelihood.running_variance.requires_grad


@BOTH
def test_evaluation_before_any_training_says_so(family, pair):
    likelihood = family().eval()
    for ask in (likelihood.variance, likelihood.sample, lambda output: likelihood.log_prob(pair[0], output)):
        with pytest.raises(RunError, match="has no σ yet: it has seen 0 batches in training mode. Train it or load"):
            ask(pair[1])


@BOTH
def test_the_published_evaluation_uses_the_evaluated_error_itself(family, pair):
    x, output = pair
    likelihood = family(as_published=True)
    trained = likelihood.log_prob(x, output)
    likelihood.log_prob(x, x + 5 * (output - x))
    assert torch.equal(likelihood.eval().log_prob(x, output), trained)


# ── honesty ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@BOTH
def test_a_sigma_that_looks_at_the_image_says_that_it_is_not_normalised(family):
    assert not family().normalized
    assert family().eval().normalized
    assert not family(as_published=True).eval().normalized


@BOTH
@pytest.mark.parametrize("as_published", [False, True])
def test_a_sigma_that_looks_at_the_image_has_an_integral_without_bound(family, as_published):
    likelihood = family(as_published=as_published)
    likelihood.train(not as_published)
    masses = []
    for low, high in [(1.0, 10.0), (10.0, 100.0), (100.0, 1000.0)]:
        distance = torch.logspace(math.log10(low), math.log10(high), 400)
        nats = torch.cat([likelihood.log_prob(x.view(1, 1), torch.zeros(1, 1)) for x in distance])
        masses.append(2 * torch.trapezoid(nats.exp() * distance, distance.log()).item())
    every_decade = 2 * math.log(10) / math.sqrt(2 * math.pi * math.e)  # of 1 / (√(2πe)·|x|)
    assert masses == pytest.approx([every_decade] * 3, rel=0.01)


def test_in_training_one_image_of_an_optimal_sigma_depends_on_the_others_and_per_image_it_does_not(pair):
    x, output = pair
    assert not torch.allclose(OptimalGaussian().log_prob(x, output)[:2], OptimalGaussian().log_prob(x[:2], output[:2]))
    torch.testing.assert_close(
        PerImageGaussian().log_prob(x, output)[:2], PerImageGaussian().log_prob(x[:2], output[:2])
    )


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_a_momentum_that_never_learns_or_overshoots_is_refused(momentum):
    with pytest.raises(RecipeError, match=rf"likelihood.momentum must be in \[0, 1\); got {momentum}"):
        OptimalGaussian(momentum=momentum)
