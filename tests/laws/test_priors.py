"""What every prior promises, the standard normal included: a density, whose draws are its own."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from kelbo.bound import Batch
from kelbo.latents import DiagonalGaussian, FlowPrior, MixturePrior, PriorByClass, StandardNormal, Vamp
from kelbo.likelihoods import FixedGaussian
from kelbo.models import VAE
from kelbo.protocols import Prior
from kelbo.seeds import Source, all_drawing_from, seeded

ROWS = torch.eye(2)
"""of a condition "labels" with two values"""


def mixture(dims, seed=0, components=3):
    own = torch.Generator().manual_seed(seed)
    factors = 0.6 * torch.eye(dims) + torch.randn(components, dims, dims, generator=own).tril(-1)
    return MixturePrior(
        torch.rand(components, generator=own) + 0.2, 1.5 * torch.randn(components, dims, generator=own), factors
    )


def flow(dims, conditions=(), context=0):
    with seeded(5, "init"):
        prior = FlowPrior(torch.full((dims,), 0.5), torch.full((dims,), 1.3), conditions, context, hidden=(16,))
        for parameter in prior.parameters():
            nn.init.normal_(parameter, std=0.15)
    return prior.requires_grad_(False)


def vamp(dims, rows=None):
    """Of three pseudo-inputs of four numbers, and of an encoder that is one linear layer."""
    own = torch.Generator().manual_seed(3)
    encoder = Told() if rows is not None else nn.Linear(4, 2 * dims)
    encoder.weight = nn.Parameter(0.5 * torch.randn(2 * dims, 4, generator=own))
    encoder.bias = nn.Parameter(torch.zeros(2 * dims))
    return Vamp(encoder, torch.randn(3, 4, generator=own), rows)


class Told(nn.Module):
    """A linear layer to which what is given is added."""

    weight: nn.Parameter
    bias: nn.Parameter

    def forward(self, x, given):
        return nn.functional.linear(x, self.weight, self.bias) + given.sum(1, keepdim=True)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


PRIORS = {
    "standard": lambda dims: (StandardNormal(dims), None),
    "mixture": lambda dims: (mixture(dims), None),
    "one-component": lambda dims: (mixture(dims, components=1), None),
    "by-class": lambda dims: (PriorByClass(("labels",), ROWS, [mixture(dims, 1), mixture(dims, 2)]), ROWS[1]),
    "vamp": lambda dims: (vamp(dims), None),
    "conditional-vamp": lambda dims: (vamp(dims, 0.3 * torch.eye(3)), torch.eye(3)[0]),
    "flow": lambda dims: (flow(dims), None),
    "conditional-flow": lambda dims: (flow(dims, ("labels",), 2), ROWS[0]),
}


FLOWS = ("flow", "conditional-flow")


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow) if name in FLOWS else name for name in PRIORS])
def made(request):
    """Of some number of dimensions: a prior, and what is given of `count` draws."""

    def make(dims):
        prior, row = PRIORS[request.param](dims)
        return prior, lambda count: {} if row is None else {"labels": row.expand(count, -1)}

    return make


def grid(dims, points):
    """Points (P, dims) over [-12, 12]^dims and the volume of each."""
    axis = torch.linspace(-12, 12, points)
    return torch.cartesian_prod(*[axis] * dims).view(-1, dims), (24 / (points - 1)) ** dims


@pytest.mark.parametrize(("dims", "points"), [(1, 4001), (2, 241)])
def test_the_density_integrates_to_one(made, dims, points):
    prior, given = made(dims)
    z, volume = grid(dims, points)
    assert prior.log_prob(z, given(len(z))).double().exp().sum().item() * volume == pytest.approx(1, abs=2e-3)


def test_draws_in_one_dimension_follow_the_density(made):
    prior, given = made(1)
    z, volume = grid(1, 4001)
    cdf = prior.log_prob(z, given(len(z))).double().exp().cumsum(0).numpy() * volume
    with seeded(0, "evaluation"):
        draws = prior.sample(4000, given(4000)).flatten().sort().values.numpy()
    distance = np.abs(np.interp(draws, z.flatten().numpy(), cdf) - (np.arange(4000) + 0.5) / 4000).max()
    assert distance < 1.95 / 4000**0.5  # Kolmogorov's distance, one time in a thousand


def test_draws_in_two_dimensions_fall_into_cells_as_the_density_says(made):
    prior, given = made(2)
    z, volume = grid(2, 241)
    density = prior.log_prob(z, given(len(z))).double().exp() * volume
    with seeded(0, "evaluation"):
        draws = prior.sample(4000, given(4000))

    def cell(points):
        place = points.div(1.5, rounding_mode="floor").clamp(-4, 3).long() + 4
        return place[:, 0] * 8 + place[:, 1]

    # a point of the grid stands for the cell around it, which a border may cut
    expected = torch.zeros(64, dtype=torch.float64).index_add_(0, cell(z + 1e-4), density)
    counts = torch.bincount(cell(draws), minlength=64).double() / 4000
    error = (expected * (1 - expected) / 4000).sqrt()
    assert ((counts - expected).abs() < 5 * error + 0.02).all()
    assert (counts - expected).abs().sum() < 0.35


def test_the_mean_log_density_of_draws_is_the_negative_entropy(made):
    prior, given = made(2)
    z, volume = grid(2, 241)
    log_density = prior.log_prob(z, given(len(z))).double()
    with seeded(1, "evaluation"):
        scores = prior.log_prob(prior.sample(4000, given(4000)), given(4000)).double()
    expected = (log_density.exp() * log_density).sum() * volume
    assert abs(scores.mean() - expected) < 5 * scores.std() / 4000**0.5 + 5e-3


def test_a_kl_in_closed_form_is_that_of_draws(made):
    prior, given = made(2)
    q = DiagonalGaussian(torch.tensor([[0.7, -1.0]]), torch.tensor([[-1.0, 0.3]]))
    closed = prior.kl(q, given(1))
    if closed is None:
        assert type(prior).kl is Prior.kl
        return
    wide = DiagonalGaussian(q.mean.expand(20_000, 2), q.log_variance.expand(20_000, 2))
    with seeded(0, "latents"):
        z = wide.rsample()
    drawn = (wide.log_prob(z) - prior.log_prob(z)).double()
    assert abs(drawn.mean() - closed.sum()) < 5 * drawn.std() / 20_000**0.5


class Fixed(nn.Module):
    """An encoder with the same posterior for every example."""

    def __init__(self, dims):
        super().__init__()
        self.parameters_of_q = nn.Parameter(torch.cat([torch.full((dims,), 0.4), torch.full((dims,), -0.8)]))

    def forward(self, x, *_):
        return self.parameters_of_q.expand(len(x), -1)


class Zero(nn.Module):
    def forward(self, z):
        return z[:, :1, None, None] * 0


def fixed_vae(prior, conditions=()):
    return VAE(Fixed(1), Zero(), FixedGaussian(1.0), (1, 1, 1), 1, prior, conditions).eval()


def test_the_reported_rate_is_the_true_kl_within_its_error(made):
    """By quadrature: log q - log p at a draw averages to it, so none is reported below the true one by more than its error."""
    prior, given = made(1)
    count, told = 5000, given(1)
    vae = fixed_vae(prior, tuple(told))
    batch = Batch(torch.zeros(count, 1, 1, 1), given(count))
    with seeded(0, "latents"):
        rates = vae(batch).rate.double().flatten()
    z, volume = grid(1, 4001)
    log_q = vae.posterior(Batch(batch.x[:1], told)).log_prob(z).double()
    true = (log_q.exp() * (log_q - prior.log_prob(z, given(len(z))).double())).sum().item() * volume
    assert abs(rates.mean().item() - true) < 5 * rates.std().item() / count**0.5 + 2e-3


@pytest.mark.slow
def test_importance_weights_are_with_the_prior(made):
    """The decoder ignores z, so the evidence is p(x | z), whatever the prior: the weighted bound rises to it, and not above."""
    prior, given = made(1)
    vae = fixed_vae(prior, tuple(given(1)))
    batch = Batch(torch.zeros(40, 1, 1, 1), given(40))
    with seeded(0, "latents"):
        weights = vae.log_weights(batch, 400).double()
    evidence = -0.5 * math.log(2 * math.pi)
    bounds = torch.logsumexp(weights, 1) - math.log(400)
    one = weights.mean(1)
    assert (one < bounds).all()
    assert bounds.mean() < evidence + 5 * bounds.std() / 40**0.5
    assert bounds.mean() - one.mean() > 0.3 * (evidence - one.mean())


def test_draws_are_those_of_the_seed_and_of_no_default_generator(made):
    prior, given = made(3)
    before = torch.get_rng_state()
    draws = []
    for seed in (0, 0, 1):
        with all_drawing_from(Source(seed)):
            draws.append(prior.sample(6, given(6)))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_the_temperature_scales_the_noise_and_nothing_else(made):
    prior, given = made(2)
    with seeded(0, "evaluation"):
        warm = prior.sample(400, given(400))
    with seeded(0, "evaluation"):
        cool = prior.sample(400, given(400), temperature=0.01)
    with seeded(0, "evaluation"):
        cold = prior.sample(400, given(400), temperature=0.0)
    assert len(cold.unique(dim=0)) <= 3  # the means of a mixture's components, or the image of a flow's middle
    assert (cool - cold).norm() < 0.1 * (warm - cold).norm()


def test_autocast_changes_nothing(made):
    prior, given = made(3)
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    found = []
    for enabled in (False, True):
        with seeded(0, "evaluation"), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            found.append((prior.log_prob(z, given(5)), prior.sample(5, given(5))))
    for plain, cast in zip(*found, strict=True):
        assert plain.dtype == cast.dtype == torch.float32
        assert torch.equal(plain, cast)


def test_every_tensor_is_in_the_state_dict_and_moves(made):
    prior, given = made(2)
    other = made(2)[0]
    if not prior.state_dict():
        pytest.skip("nothing was fitted")
    for name, value in other.state_dict().items():
        if value.is_floating_point() and not name.endswith(("rows", "factors")):
            value.add_(0.25)
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(prior.log_prob(z, given(5)), other.log_prob(z, given(5)))
    other.load_state_dict(prior.state_dict())
    assert torch.equal(prior.log_prob(z, given(5)), other.log_prob(z, given(5)))
    assert {value.device.type for value in other.to("meta").state_dict().values()} == {"meta"}


def test_a_value_that_a_prior_by_class_does_not_have_is_refused():
    prior = PriorByClass(("labels",), ROWS, [mixture(2, 1), mixture(2, 2)])
    for wrong in ({}, {"labels": torch.full((4, 2), 0.5)}, {"labels": ROWS}):
        with pytest.raises(ValueError, match="labels"):
            prior.sample(4, wrong)


def test_each_class_has_its_own_draws_and_density():
    one, two = mixture(2, 1), mixture(2, 2)
    prior, labels = PriorByClass(("labels",), ROWS, [one, two]), ROWS[torch.tensor([1, 0, 1, 1, 0])]
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    expected = torch.where(labels[:, 0] == 1, one.log_prob(z), two.log_prob(z))
    torch.testing.assert_close(prior.log_prob(z, {"labels": labels}), expected)
    cold = prior.sample(5, {"labels": labels}, temperature=0.0)
    for place, row in enumerate(labels):
        own = one if row[0] == 1 else two
        assert (cold[place] == own.means).all(1).any()


def test_a_mixture_of_factors_that_are_none_is_refused():
    with pytest.raises(ValueError, match="positive"):
        MixturePrior(torch.ones(1), torch.zeros(1, 2), torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match="2 means of 3 dimensions"):
        MixturePrior(torch.ones(3), torch.zeros(2, 3), torch.eye(3).expand(2, 3, 3))
