"""The bound on log p(x) of a conditional model, against linear Gaussian models whose log p(x) is known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from kelbo.bound import Batch
from kelbo.data.conditions import Condition, Variable
from kelbo.data.given import conditioned
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.evaluation import evaluate
from kelbo.evaluation.marginal import alternatives, log_marginal
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.likelihoods import FixedGaussian
from kelbo.models import VAE
from kelbo.recipes import change, find

SIGMA, LOADING, PROBABILITIES = 0.3, 0.5, torch.tensor([0.25, 0.75])
MEANS = torch.tensor([[0.1, 0.7], [0.6, 0.2]])
LABELS = Condition("labels", (Variable("label", ("a", "b")),))


class Encoder(nn.Module):
    """The exact posterior of x = mean of the class + LOADING z + noise, its scale multiplied by `wider`."""

    def __init__(self, wider=1.0):
        super().__init__()
        self.wider = wider

    def forward(self, x, given):
        variance = 1 / (1 + LOADING**2 / SIGMA**2)
        mean = variance * LOADING / SIGMA**2 * (x.flatten(1) - given @ MEANS)
        return torch.cat([mean, torch.full_like(mean, math.log(variance * self.wider**2))], 1)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = nn.Parameter(torch.zeros(1))

    def forward(self, z_and_given):
        z, given = z_and_given.split(2, 1)
        return (LOADING * z + given @ MEANS + self.own)[:, None, None]


def model(wider=1.0):
    likelihood = FixedGaussian(SIGMA, mean_activation="identity")
    return VAE(Encoder(wider), Decoder(), likelihood, (1, 1, 2), 2, conditions=("labels",)).eval()


def truth(x):
    """log p(x): a mixture of two Gaussians."""
    spread = math.sqrt(SIGMA**2 + LOADING**2)
    of_class = torch.distributions.Normal(MEANS[:, None], spread).log_prob(x.flatten(1)).sum(-1)
    return (of_class + PROBABILITIES.log()[:, None]).logsumexp(0)


def data(count=400, seed=0):
    """Draws of the mixture, rounded to levels; of the training split a quarter are of the first class."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.arange(count) % 4 > 0).long()
    noise = torch.randn(count, 2, generator=generator) * math.sqrt(SIGMA**2 + LOADING**2)
    levels = ((MEANS[labels] + noise).clamp(0, 1) * 255).round().byte().reshape(-1, 1, 1, 2)
    images = ArrayImages(levels)
    known = {"train": labels.numpy(), "test": labels.numpy()}
    splits = {"train": images, "test": images}
    return conditioned(ImageSet("mixture", splits, "", labels=known, class_names=("a", "b")), "labels")


def batch(count=64):
    images = data().test
    index = torch.arange(count)
    return Batch(images.take(index), images.given_at(index)).as_intensities(256)


def test_what_could_be_given_is_as_frequent_as_in_training():
    found = alternatives(LABELS, data().train)
    torch.testing.assert_close(found.log_probabilities.exp().float(), PROBABILITIES)
    assert found.rows.tolist() == [[1, 0], [0, 1]]


def test_what_training_never_has_is_left_out():
    three = Condition("labels", (Variable("label", ("a", "b", "c")),))
    images = data().train
    images.condition = three
    assert alternatives(three, images).rows.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_nothing_is_summed_over_many_combinations():
    many = Condition("labels", (Variable("label", tuple(map(str, range(21)))),))
    assert alternatives(many, data().train) is None


@torch.no_grad()
def test_the_sum_is_the_evidence_if_the_posterior_is_exact():
    shown = batch()
    found = log_marginal(model(), shown, alternatives(LABELS, data().train), 1)
    torch.testing.assert_close(found.float(), truth(shown.x), atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("wider", [0.6, 1.5])
def test_the_mean_of_the_sum_is_never_above_the_evidence_by_more_than_its_error_and_grows_with_the_draws(wider):
    shown, of = batch(16), alternatives(LABELS, data().train)
    torch.manual_seed(0)
    repeated = Batch(shown.x.repeat(400, 1, 1, 1), {"labels": shown.given["labels"].repeat(400, 1)})
    means = []
    for samples in (1, 8):
        below = (log_marginal(model(wider), repeated, of, samples) - truth(repeated.x)).reshape(400, 16)
        mean, error = below.mean(0), below.std(0) / 20
        assert (mean < 4 * error).all()
        means.append(float(mean.mean()))
    assert means[0] < means[1] < 0


@torch.no_grad()
def test_a_record_says_of_what_its_bounds_are():
    known = data()
    record = evaluate(model(), known.test, samples=4, over=alternatives(LABELS, known.train))
    assert record["bounds"] == "log p(x | labels)"
    for name in ("elbo", "importance_weighted"):
        assert record[name]["unit"] == "nats per image, of log p(x | labels)"
    marginal = record["marginal"]
    assert (marginal["samples"], marginal["combinations"], marginal["unit"]) == (4, 2, "nats per image, of log p(x)")
    every = batch(len(known.test))
    assert marginal["mean"] == pytest.approx(float(truth(every.x).mean()), abs=1e-3)
    assert marginal["standard_error"] == pytest.approx(float(truth(every.x).std() / len(every.x) ** 0.5), rel=1e-3)
    assert record["rate"]["unit"] == "nats per image"


def test_a_trained_run_has_both_bounds_and_one_that_is_given_nothing_neither(tmp_path):
    small = ["data.size=8", "model.network.width=16", "model.latents=3", "training.steps=2"]
    told = train(change(find("digits"), [*small, "model.given=labels"]), tmp_path / "told").path
    plain = train(change(find("digits"), small), tmp_path / "plain").path
    record = evaluate_run(open_run(told, device="cpu"))
    assert record["marginal"]["combinations"] == 10
    assert np.isfinite(record["marginal"]["mean"])
    assert not {"bounds", "marginal"} & evaluate_run(open_run(plain, device="cpu")).keys()
