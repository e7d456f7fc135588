"""Each common fault, made on purpose, is found; a sound model is told so."""

import numpy as np
import pytest
import torch
from torch import nn

from kelbo.data.images import ArrayImages
from kelbo.experiments.doctor import examine
from kelbo.likelihoods import Bernoulli, FixedGaussian, OptimalGaussian, PerPixelGaussian, SharedGaussian, StudentT
from kelbo.models import VAE, Autoencoder

SHAPE = (1, 4, 4)


class Reads(nn.Module):
    """Means: the first two pixels, stretched to deviate by one; standard deviations: constant."""

    def __init__(self, scale=0.3, stretch=1.0, offset=0.0):
        super().__init__()
        self.log_variance = nn.Parameter(torch.full((2,), 2 * np.log(scale)).float())
        self.stretch, self.offset = stretch, offset

    def forward(self, x):
        means = (x.flatten(1)[:, :2] - 0.5) * 5 * self.stretch + self.offset
        return torch.cat([means, self.log_variance.expand_as(means)], 1)


class Writes(nn.Module):
    """The first two pixels as read, the others 0.5."""

    def forward(self, z):
        return torch.cat([z / 5 + 0.5, z.new_full((len(z), 14), 0.5)], 1).unflatten(1, SHAPE)


def images(count=600, sigma=0.1, seed=0):
    """Two pixels that vary with deviation 0.2, the others noise of `sigma` around 0.5."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(0.5, sigma, (count, 16))
    pixels[:, :2] = rng.normal(0.5, 0.2, (count, 2))
    return ArrayImages((pixels * 255).clip(0, 255).round().astype(np.uint8).reshape(-1, *SHAPE))


def severities(model, train=None, test=None, journal=()):
    found = examine(model, train or images(), test or images(seed=1), journal)
    return {finding.about: (finding.severity, finding.advice) for finding in found}


def vae(likelihood=None, encoder=None, decoder=None, kind=VAE):
    return kind(encoder or Reads(), decoder or Writes(), likelihood or FixedGaussian(0.1), SHAPE, 2).eval()


def test_a_sound_model_is_told_so():
    told = severities(vae())
    assert {about: severity for about, (severity, _) in told.items() if severity != "fine"} == {}


def test_what_one_image_cannot_tell_is_said_to_be_not_judged():
    found = examine(vae(), images(), images(count=1, seed=1), ())
    told = {one.about: (one.severity, one.evidence) for one in found}
    for about in ("latents", "generalisation", "prior"):
        assert told[about] == ("not judged", "1 test image")


def test_an_ignored_code_is_a_collapse():
    severity, advice = severities(vae(encoder=Reads(scale=1.0, stretch=0.0)))["latents"]
    assert severity == "problem"
    assert "objective.beta" in advice


@pytest.mark.parametrize(("sigma", "advice"), [(0.03, "Overconfident"), (1.0, "Too wide")])
def test_a_wrong_sigma_is_named_by_its_side(sigma, advice):
    told = severities(vae(FixedGaussian(sigma)))
    assert told["decoder's σ"][0] == "warning"
    assert told["decoder's σ"][1].startswith(advice)
    assert told["calibration"][0] == "warning"


def test_a_sigma_on_its_floor_is_a_problem():
    likelihood = OptimalGaussian()
    likelihood.train()
    flat = torch.full((50, *SHAPE), 0.5)
    for _ in range(3):
        likelihood.log_prob(flat, flat)
    assert severities(vae(likelihood))["decoder's σ"][0] == "problem"


def solved(running):
    """An optimal σ whose running estimate is this."""
    likelihood = OptimalGaussian()
    likelihood.running_variance.fill_(running**2)
    likelihood.batches.fill_(1000)
    return likelihood


def flat(count=300):
    return ArrayImages(np.full((count, *SHAPE), 128, np.uint8))


def test_constant_images_are_a_problem_long_before_the_running_estimate_is_on_the_floor():
    """In training the batches' own σ is there at once: what is read of it is an average of a hundred batches."""
    severity, advice = severities(vae(solved(0.05), decoder=Exactly()), train=flat(), test=flat())["decoder's σ"]
    assert severity == "problem"
    assert "lies on its floor, 0.0025" in advice


class Exactly(nn.Module):
    def forward(self, z):
        return z.new_full((len(z), *SHAPE), 128 / 255)


class Halves(nn.Module):
    """A mean of 0.5 everywhere and ln σ of the image's noise, but `low` for the last `pixels`; further parameters 8."""

    def __init__(self, low, pixels, parameters=2):
        super().__init__()
        self.low, self.pixels, self.parameters = low, pixels, parameters

    def forward(self, z):
        log_sigma = z.new_full((len(z), 16), np.log(0.1))
        log_sigma[:, :2] = np.log(0.2)
        if self.pixels:
            log_sigma[:, -self.pixels :] = self.low
        parts = [z.new_full((len(z), 16), 0.5), log_sigma, z.new_full((len(z), 16), 8.0)][: self.parameters]
        return torch.cat(parts, 1).unflatten(1, (self.parameters, 4, 4))


def partly_flat(pixels, seed=0):
    """Images whose last pixels never change."""
    noisy = images(seed=seed).pixels.copy()
    noisy.reshape(len(noisy), -1)[:, -pixels:] = 128
    return ArrayImages(noisy)


@pytest.mark.parametrize(("likelihood", "parameters"), [(PerPixelGaussian, 2), (StudentT, 3)])
@pytest.mark.parametrize(("pixels", "severity"), [(0, "fine"), (4, "warning"), (16, "problem")])
def test_a_share_of_the_pixels_on_the_floor_is_told(likelihood, parameters, pixels, severity):
    found = examine(
        vae(likelihood(), decoder=Halves(-15.0, pixels, parameters)),
        partly_flat(max(1, pixels)),
        partly_flat(max(1, pixels), seed=1),
        (),
    )
    told = next(finding for finding in found if finding.about == "decoder's σ")
    assert told.severity == severity
    if severity == "warning":
        assert "the σ of 25 % of the pixels lies on its floor, 0.0025" in told.evidence


@pytest.mark.parametrize(
    ("likelihood", "advice"),
    [
        (SharedGaussian(0.0), "moves by about the learning rate a step"),
        (solved(0.5), "is the error on training images at a draw of the latents"),
        (FixedGaussian(0.5), "Let σ be learned"),
    ],
)
def test_a_sigma_that_is_too_wide_is_advised_on_by_where_it_comes_from(likelihood, advice):
    assert advice in severities(vae(likelihood))["decoder's σ"][1]


def test_a_model_that_errs_less_on_its_training_images_knows_them_by_heart():
    told = severities(vae(solved(0.02)), train=images(sigma=0.02))["decoder's σ"]
    assert told[0] == "warning"
    assert "knows them by heart" in told[1]
    assert "by heart" not in severities(vae(solved(0.02)))["decoder's σ"][1]


def test_images_saved_in_the_wrong_range_are_a_problem():
    dark = ArrayImages((images().pixels > 128).astype(np.uint8))
    assert severities(vae(), dark, dark)["range of the data"][0] == "problem"


def test_a_likelihood_of_other_levels_is_a_problem():
    class Logits(nn.Module):
        def forward(self, z):
            return Writes()(z) * 4 - 2

    assert severities(vae(Bernoulli(), decoder=Logits()))["units"][0] == "problem"


def test_means_outside_of_the_pixels_range_are_a_warning():
    class Bright(nn.Module):
        def forward(self, z):
            return Writes()(z) + 0.6

    severity, advice = severities(vae(decoder=Bright()))["range of the decoder"]
    assert severity == "warning"
    assert "mean_activation=sigmoid" in advice


def test_codes_far_from_the_prior_are_a_warning():
    assert severities(vae(encoder=Reads(offset=4.0)))["prior"][0] == "warning"


def test_learning_by_heart_is_a_warning():
    assert severities(vae(), train=images(sigma=0.02))["generalisation"][0] == "warning"


@pytest.mark.parametrize(("rise", "severity"), [(5.0, "warning"), (0.0, "fine")])
def test_a_run_that_still_learns_is_told_to_go_on(rise, severity):
    rng = np.random.default_rng(0)
    journal = [{"step": n, "elbo": -500 + rise * n + float(rng.normal())} for n in range(60)]
    assert severities(vae(), journal=journal)["convergence"][0] == severity


def test_an_autoencoder_is_not_blamed_for_having_no_rate():
    told = severities(vae(kind=Autoencoder))
    assert told["latents"][0] == "fine"
    assert "prior" not in told


def test_a_prior_that_fits_is_not_blamed_for_what_few_images_cannot_tell():
    class Wide(nn.Module):
        """Sixteen latents, each a pixel, of precise codes whose aggregate is the prior: a rate far above log N."""

        def __init__(self):
            super().__init__()
            self.log_variance = nn.Parameter(torch.full((16,), -7.0))

        def forward(self, x):
            means = (x.flatten(1) - 0.5) * 5
            return torch.cat([means, self.log_variance.expand_as(means)], 1)

    class Back(nn.Module):
        def forward(self, z):
            return (z / 5 + 0.5).unflatten(1, SHAPE)

    model = VAE(Wide(), Back(), FixedGaussian(0.01), SHAPE, 16).eval()
    found = {finding.about: finding for finding in examine(model, images(sigma=0.2), images(sigma=0.2, seed=1), ())}
    assert found["prior"].severity == "fine"
    assert "cannot be told from 600 images" in found["prior"].evidence
