"""Priors fitted to codes whose distribution is known."""

import pytest
import torch

from kelbo.latents import FlowPrior
from kelbo.latents.fitting import Posteriors, fit_flow, fit_mixture, log_probs
from kelbo.seeds import seeded


def codes(count=600, seed=0):
    """Two lumps in three dimensions, which are correlated and of different scales."""
    own = torch.Generator().manual_seed(seed)
    mix = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.3, 0.0], [-2.0, 5.0, 30.0]])
    noise = torch.randn(count, 3, generator=own)
    return (noise + 4 * (torch.arange(count) % 2)[:, None]) @ mix.T + torch.tensor([0.0, 2.0, -50.0])


@pytest.mark.parametrize("covariance", ["full", "diag"])
@pytest.mark.parametrize("power", [-30, -10, 10])
def test_codes_times_a_power_of_two_give_the_same_mixture_up_to_scale(covariance, power):
    plain, _ = fit_mixture(codes(), 3, covariance)
    scaled, _ = fit_mixture(codes() * 2.0**power, 3, covariance)
    assert torch.equal(scaled.log_weights, plain.log_weights)
    assert torch.equal(scaled.means, plain.means * 2.0**power)
    assert torch.equal(scaled.factors, plain.factors * 2.0**power)


def test_one_component_has_the_mean_and_covariance_of_the_codes():
    for covariance in ("full", "diag"):
        prior, _ = fit_mixture(codes(), 1, covariance)
        expected = codes().double().T.cov(correction=0)
        if covariance == "diag":
            expected = expected.diag().diag()
        factor = prior.factors[0].double()
        torch.testing.assert_close(prior.means[0], codes().mean(0), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(factor @ factor.T, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_latent_that_is_always_the_same_leaves_the_mixture_finite(value):
    held = codes().clone()
    held[:, 1] = value
    prior, _ = fit_mixture(held, 2)
    assert prior.log_prob(held).isfinite().all()
    assert prior.log_prob(held).mean() > prior.log_prob(held + torch.tensor([0.0, 1.0, 0.0])).mean()


@pytest.mark.parametrize("dims", [1, 2, 4])
@pytest.mark.parametrize("context", [0, 2])
def test_a_flow_begins_as_the_normal_distribution_of_its_mean_and_scale(dims, context):
    mean, scale = torch.linspace(-3, 5, dims), torch.linspace(0.1, 4, dims)
    with seeded(0, "init"):
        prior = FlowPrior(mean, scale, ("labels",) if context else (), context)
    given = {"labels": torch.eye(2)[torch.arange(50) % 2]} if context else {}
    normal = torch.distributions.Normal(mean, scale)
    z = mean + 1.5 * scale * torch.randn(50, dims, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_probs(prior, z, given), normal.log_prob(z).sum(1), rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(prior.sample(50, given, temperature=0.0), mean.expand(50, -1), rtol=1e-4, atol=1e-4)


def test_a_flow_over_one_latent_is_as_good_as_the_normal_distribution_of_its_codes_at_once():
    own = torch.Generator().manual_seed(0)
    means = 3 + 0.5 * torch.randn(4000, 1, generator=own)
    train, held = (Posteriors(some, torch.zeros_like(some)) for some in means.split([3600, 400]))
    prior, _ = fit_flow(train, held, steps=20)
    best = torch.distributions.Normal(3.0, 0.5).log_prob(held.means).sum(1)
    assert log_probs(prior, held.means).mean() > best.mean() - 0.03


def test_every_weight_of_a_flow_learns():
    own = torch.Generator().manual_seed(0)
    means = torch.randn(400, 2, generator=own).exp()  # no normal distribution
    with seeded(0, "init"):
        prior = FlowPrior(means.mean(0), means.std(0), hidden=(16,))
    before = {name: value.clone() for name, value in prior.state_dict().items()}
    optimizer = torch.optim.Adam(prior.parameters(), 1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        (-prior.log_prob(means).mean()).backward()
        optimizer.step()
    for name, _ in prior.named_parameters():
        assert not torch.equal(prior.state_dict()[name], before[name]), name
