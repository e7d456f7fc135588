"""What holds of a second stage on a frozen first one, and of the two as one model."""

import pytest
import torch
from tests.toys import made
from tests.toys.two_stages import outline, pictures, primary, secondary

from kelbo import likelihoods
from kelbo.bound import Batch
from kelbo.errors import RecipeError
from kelbo.evaluation import evaluate
from kelbo.frozen import Frozen
from kelbo.models import Secondary
from kelbo.recipes import build, change, find
from kelbo.recipes.hierarchies import SHIFTABLE
from kelbo.seeds import seeded

ONE_PRIOR = "model.merge=residual"
"""with posteriors' networks at 0, q is p"""
OTHERS = ("bernoulli", "continuous_bernoulli", "categorical", "bitwise_categorical")


@pytest.fixture
def batch():
    return pictures().as_intensities(256)


def drawn(model, batch):
    with torch.no_grad(), seeded(0, "latents"):
        return model(batch, errors=True)


def test_with_no_change_the_error_is_that_of_the_primary_and_the_rate_is_zero(batch):
    first = primary()
    model = secondary(ONE_PRIOR, first=first, moved=False)
    for layer in model.layers:
        torch.nn.init.zeros_(layer.posterior.c4.weight)
    of_first, of_second, of_both = (drawn(one, batch) for one in (first.model, model, model.whole))
    assert torch.equal(of_second.squared_error, of_first.squared_error)
    assert torch.equal(of_both.squared_error, of_first.squared_error)
    assert of_second.rate.abs().max() == 0
    assert torch.equal(of_both.rate, torch.cat([of_first.rate, of_second.rate], 1))


@pytest.mark.parametrize("merge", ["concatenation", "precision_weighted", "residual"])
def test_an_untrained_secondary_leaves_the_picture_as_it_is_whatever_its_latents(batch, merge):
    first = primary()
    model = secondary(f"model.merge={merge}", first=first, moved=False).whole
    with torch.no_grad():
        latents = model.read(batch).latents
        assert torch.equal(model.mean(model.decode(latents)), first.model.mean(first.model.decode(latents[:4])))


@pytest.mark.parametrize("kind", SHIFTABLE)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_likelihood_that_takes_a_picture_has_it_as_its_mean_at_no_change(kind, channels):
    images = outline(channels)
    model = secondary(f"likelihood.kind={kind}", first=primary(images=images), images=images, moved=False)
    if model.likelihood.sigma_from == "solved":
        model.likelihood.settle(0.1)
    picture = torch.rand(2, channels, 8, 8, generator=torch.Generator().manual_seed(0))
    picture[0, 0, 0], picture[0, 0, 1] = 0, 1
    mean = model.mean(model.refined({"primary": picture}))
    assert (mean - picture).abs().max() <= (0 if model.likelihood.support == "real" else 0.1 / 255)


def test_components_of_a_mixture_begin_apart(batch):
    model = secondary("likelihood.kind=logistic_mixture", moved=False)
    loss = model(Batch(batch.x, {"primary": batch.x.flip(0)})).distortion.sum()
    (slope,) = torch.autograd.grad(loss, model.exit.output.bias)
    _, means, scales = slope.view(3, 10) if len(slope) == 30 else slope[:30].view(3, 10)
    assert len(means.unique()) == len(scales.unique()) == 10


@pytest.mark.parametrize("kind", OTHERS)
def test_a_likelihood_that_takes_no_picture_is_refused_with_those_that_do(kind):
    with pytest.raises(RecipeError, match="logistic_mixture") as refused:
        secondary(f"likelihood.kind={kind}")
    assert "mean" in str(refused.value)


def test_a_squashed_mean_takes_no_picture():
    with pytest.raises(RecipeError, match=r"likelihood\.mean_activation to identity"):
        secondary("likelihood.mean_activation=sigmoid")
    with pytest.raises(TypeError, match="squashes"):
        likelihoods.Laplace(mean_activation="sigmoid").shifted(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))


def test_what_trains_sees_its_own_rate_alone(batch):
    model = secondary()
    assert isinstance(model, Secondary)
    assert drawn(model, batch).rate.shape == (4, 4)
    assert drawn(model.whole, batch).rate.shape == (4, 8)
    assert model.whole.stages == (4, 4)
    assert model.whole.trained is model


def test_gradients_reach_every_parameter_of_the_secondary_and_none_of_the_primary(batch):
    first = primary()
    model = secondary(first=first)
    model(batch).elbo.sum().backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    still = [name for name, parameter in model.named_parameters() if name not in without and not parameter.grad.any()]
    assert (without, still) == ([], [])
    assert all(parameter.grad is None for parameter in first.model.parameters())


def test_weights_and_modes_of_the_primary_are_its_own():
    first = primary()
    model = secondary(first=first)
    assert not any(name.startswith("primary") for name in model.state_dict())
    model.train()
    assert not first.model.training
    other = secondary(first=first)
    other.load_state_dict(model.state_dict())
    batch = pictures().as_intensities(256)
    assert torch.equal(drawn(other, batch).elbo, drawn(model, batch).elbo)


def linear(model):
    """Let a hierarchy's picture be linear in its first group, which its posterior finds neither where nor as wide as it is."""
    for layer in model.layers:
        for block in (layer.prior, layer.onwards, layer.posterior):
            torch.nn.init.zeros_(block.c4.weight)
            torch.nn.init.zeros_(block.c4.bias)
    torch.nn.init.zeros_(model.layers[1].project.weight)
    torch.nn.init.normal_(model.layers[0].project.weight)
    torch.nn.init.normal_(model.exit.output.weight, std=0.02)
    model.layers[0].posterior.c4.bias.data = torch.tensor([0.4, 0.2])
    for network in getattr(model.told_decoder, "out", ()):
        torch.nn.init.zeros_(network.weight)


def test_the_bound_of_both_stages_is_a_bound_on_a_known_evidence():
    """All is linear and Gaussian: x = b + J(z, z̃) + σ·noise, whose density is known."""
    shallow = ["model.latents=1", "model.encoder=8d8,1x1", "model.decoder=1x1,8m1", ONE_PRIOR]
    fixed = ["likelihood.kind=fixed_gaussian", "likelihood.sigma=0.7"]
    with torch.no_grad(), seeded(0, "init"):
        first = primary(*shallow, *fixed)
        model = secondary(*shallow, *fixed, first=first)
        linear(first.model)
        linear(model)
        both = model.whole.eval()
        zeros = tuple(torch.zeros_like(z) for z in both.sample(1))

        def mean(one, other):
            return both.mean(both.decode((one, zeros[1], other, zeros[3]))).flatten()

        slopes = torch.autograd.functional.jacobian(mean, (zeros[0], zeros[2]))
        jacobian = torch.cat([slope.flatten(1) for slope in slopes], 1)
        covariance = jacobian @ jacobian.T + 0.7**2 * torch.eye(64)
        x = mean(zeros[0], zeros[2]) + 0.7 * torch.randn(64)
        evidence = torch.distributions.MultivariateNormal(mean(zeros[0], zeros[2]), covariance).log_prob(x)
        weights = both.log_weights(Batch(x.expand(500, 64).unflatten(1, (1, 8, 8))), 4).flatten().double()
        elbo = weights.mean()
        estimate = weights.logsumexp(0) - torch.tensor(float(len(weights))).log()
        error = ((weights - evidence).exp().std() / len(weights) ** 0.5).item()
    assert jacobian.abs().min() > 0
    assert elbo < evidence - 5 * error
    assert abs(estimate - evidence) < 5 * error
    assert 5 * error < 0.125  # the rate of either stage


def test_rates_by_stage_add_up_to_the_rate():
    model, test = secondary().whole, made.pictures(made.recipe("blobs")).test
    record = evaluate(model, test)
    first, second = record["rate_per_stage"]
    assert first["mean"] + second["mean"] == pytest.approx(record["rate"]["mean"])
    assert sum(record["rate_per_group"][:4]) == pytest.approx(first["mean"])
    assert record["elbo"]["mean"] == pytest.approx(-record["rate"]["mean"] - record["distortion"]["mean"])
    assert "rate_per_stage" not in evaluate(primary().model, test)


@torch.no_grad()
def test_two_samples_of_one_draw_of_the_primary_differ_in_the_second_stage_alone():
    model = secondary().whole.eval()
    z = model.sample(3)[:4]
    once, again = (model.decode(z) for _ in range(2))
    assert not torch.equal(once, again)
    assert not torch.equal(model.refine(z), model.refine(z))
    still = [model.decode(z, temperature=[1.0] * 4 + [0.0] * 4) for _ in range(2)]
    assert torch.equal(*still)
    assert torch.equal(still[0], model.refine(z, temperature=0.0))
    assert torch.equal(model.picture(z), model.primary.mean(model.primary.decode(z)))
    with pytest.raises(ValueError, match="4 groups"):
        model.refine(z[:2])


@torch.no_grad()
def test_any_primary_goes_before():
    """A flat one that is given labels, whose labels go to both; and two stages, as the first of three."""
    images = outline(given={"labels": (4,)})
    told = primary("model.given=labels", "likelihood.kind=bernoulli", images=images, flat=True)
    layers = ["model.encoder=8d8,1x1", "model.decoder=1x1,8m1"]
    model = secondary(*layers, "model.given=labels", first=told, images=images).whole.eval()
    labels = {"labels": torch.eye(4)}
    assert model.conditions == ("labels",)
    batch = Batch(pictures().as_intensities(256).x, labels)
    reading = model.read(batch)
    assert reading.bound.rate.shape == (4, 3)
    torch.testing.assert_close(model.decode(reading.latents, labels), reading.output)
    assert not torch.equal(model.decode(reading.latents, {"labels": torch.eye(4).flip(0)}), reading.output)
    assert [q.mean.shape for q in model.posteriors(batch, 2)] == [(4, 3), (4, 2, 1, 1)]
    assert model.prior_after((), 4, labels).mean.shape == (4, 3)
    with pytest.raises(RecipeError, match=r"set model\.given"):
        secondary(*layers, first=told, images=images)
    third = secondary(first=Frozen(secondary().whole)).whole.eval()
    assert third.stages == (8, 4)
    assert third(pictures().as_intensities(256)).rate.shape == (4, 12)


def test_a_primary_of_another_size_or_without_a_rate_is_refused():
    with pytest.raises(RecipeError, match="3×8×8"):
        secondary(images=outline(3))
    points = primary("model.kind=autoencoder", flat=True)
    with pytest.raises(RecipeError, match="rate"):
        secondary("model.encoder=8d8,1x1", "model.decoder=1x1,8m1", first=points)
    alone = change(find("digits"), ["model.kind=secondary"])
    with pytest.raises(RecipeError, match=r"runs\.primary\.path"):
        build.model(alone, outline())


def test_layers_that_are_not_listed_are_those_of_the_primary():
    model = secondary()
    assert model.resolutions == [1, 4, 8, 8]
    assert model.encoder.layers == model.primary.model.encoder.layers
    assert secondary("model.decoder=1x1,8m1").resolutions == [1, 8]
