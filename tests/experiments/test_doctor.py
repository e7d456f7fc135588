"""Each common fault, made on purpose, is found; in a sound model everything is fine."""

import numpy as np
import pytest
import torch
from torch import nn

from kelbo.data.images import ArrayImages
from kelbo.experiments.diagnosis import COLLAPSED, OUTSIDE
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


def found(model, train=None, test=None, journal=()):
    """What the doctor finds, by code."""
    return {finding.code: finding for finding in examine(model, train or images(), test or images(seed=1), journal)}


def sigma_of(findings):
    """What it finds of σ."""
    [one] = [finding for code, finding in findings.items() if code.startswith("sigma-")]
    return one


def vae(likelihood=None, encoder=None, decoder=None, kind=VAE):
    return kind(encoder or Reads(), decoder or Writes(), likelihood or FixedGaussian(0.1), SHAPE, 2).eval()


def test_a_sound_model_is_fine():
    codes = found(vae())
    assert {finding.severity for finding in codes.values()} == {"fine"}
    fine = {"latents-used", "sigma-fits", "pixels-calibrated", "ranges-fit", "prior-near", "generalises"}
    assert codes.keys() == fine


def test_what_one_image_cannot_show_is_not_judged():
    findings = examine(vae(), images(), images(count=1, seed=1), ())
    told = [(one.severity, one.fields) for one in findings if one.code == "not-judged"]
    assert told == [
        ("not judged", {"about": about, "images": 1, "split": "test"})
        for about in ("latents", "prior", "generalisation")
    ]


def test_an_encoder_that_ignores_the_image_is_a_collapse():
    collapsed = found(vae(encoder=Reads(scale=1.0, stretch=0.0)))["collapsed"]
    assert collapsed.severity == "problem"
    assert collapsed.fields == {
        "rate": pytest.approx(0.0, abs=1e-6),
        "below": COLLAPSED,
        "source": "given",
        "step": None,
    }


def test_a_rate_without_active_latents_is_a_problem():
    inactive = found(vae(encoder=Reads(stretch=0.0, offset=2.0)))["latents-inactive"]
    assert (inactive.severity, inactive.fields["active"], inactive.fields["dims"]) == ("problem", 0, 2)


@pytest.mark.parametrize(("sigma", "code"), [(0.03, "sigma-narrow"), (1.0, "sigma-wide")])
def test_a_wrong_sigma_is_named_by_its_side(sigma, code):
    codes = found(vae(FixedGaussian(sigma)))
    assert (codes[code].severity, codes[code].fields["source"]) == ("warning", "given")
    assert codes["pixels-miscalibrated"].severity == "warning"


def test_a_sigma_at_its_floor_is_a_problem():
    likelihood = OptimalGaussian()
    likelihood.train()
    flat = torch.full((50, *SHAPE), 0.5)
    for _ in range(3):
        likelihood.log_prob(flat, flat)
    assert found(vae(likelihood))["sigma-floor"].severity == "problem"


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
    floored = found(vae(solved(0.05), decoder=Exactly()), train=flat(), test=flat())["sigma-floor"]
    assert floored.severity == "problem"
    assert floored.fields["share"] == 1
    assert floored.fields["floor"] == pytest.approx(np.exp(-6))


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
@pytest.mark.parametrize(("pixels", "severity"), [(4, "warning"), (16, "problem")])
def test_a_share_of_the_pixels_at_the_floor_is_found(likelihood, parameters, pixels, severity):
    model = vae(likelihood(), decoder=Halves(-15.0, pixels, parameters))
    floored = sigma_of(found(model, partly_flat(pixels), partly_flat(pixels, seed=1)))
    assert (floored.code, floored.severity, floored.fields["share"]) == ("sigma-floor", severity, pixels / 16)


def test_a_sigma_above_its_floor_is_judged_only_if_it_should_be_the_error():
    flat = partly_flat(1), partly_flat(1, seed=1)
    assert sigma_of(found(vae(PerPixelGaussian(), decoder=Halves(-15.0, 0)), *flat)).code == "sigma-fits"
    heavy = found(vae(StudentT(), decoder=Halves(-15.0, 0, 3)), *flat)
    assert not [code for code in heavy if code.startswith("sigma-")]


@pytest.mark.parametrize(
    ("likelihood", "advice"),
    [
        (SharedGaussian(0.0), "by about the learning rate a step"),
        (solved(0.5), "is the error on training images at draws of the latents"),
        (FixedGaussian(0.5), "Lower likelihood.sigma"),
    ],
)
def test_advice_on_a_sigma_that_is_too_wide_depends_on_where_it_comes_from(likelihood, advice):
    wide = found(vae(likelihood))["sigma-wide"]
    assert wide.fields["source"] == likelihood.sigma_from
    assert advice in wide.text


def test_a_model_that_errs_less_on_its_training_images_has_memorised_them():
    for train, memorised in ((images(sigma=0.02), True), (images(), False)):
        narrow = found(vae(solved(0.02)), train=train)["sigma-narrow"]
        assert (narrow.severity, narrow.fields["memorised"]) == ("warning", memorised)


def test_images_saved_in_the_wrong_range_are_a_problem():
    dark = ArrayImages((images().pixels > 128).astype(np.uint8))
    assert found(vae(), dark, dark)["data-dark"].severity == "problem"


def test_a_likelihood_of_other_levels_is_a_problem():
    class Logits(nn.Module):
        def forward(self, z):
            return Writes()(z) * 4 - 2

    assert found(vae(Bernoulli(), decoder=Logits()))["not-normalised"].severity == "problem"


def test_means_outside_of_the_pixels_range_are_a_warning():
    class Bright(nn.Module):
        def forward(self, z):
            return Writes()(z) + 0.6

    outside = found(vae(decoder=Bright()))["decoder-outside"]
    assert outside.severity == "warning"
    assert outside.fields["share"] > OUTSIDE


def test_codes_far_from_the_prior_are_a_warning():
    assert found(vae(encoder=Reads(offset=4.0)))["prior-far"].severity == "warning"


def test_overfitting_is_a_warning():
    overfit = found(vae(), train=images(sigma=0.02))["overfit"]
    assert overfit.severity == "warning"
    assert overfit.fields["gap"] == overfit.fields["train"] - overfit.fields["test"] > 0


@pytest.mark.parametrize(("rise", "code", "severity"), [(5.0, "unfinished", "warning"), (0.0, "converged", "fine")])
def test_a_run_that_still_learns_is_told_to_go_on(rise, code, severity):
    rng = np.random.default_rng(0)
    journal = [{"step": n, "elbo": -500 + rise * n + float(rng.normal())} for n in range(60)]
    assert found(vae(), journal=journal)[code].severity == severity


def test_an_autoencoder_is_not_blamed_for_having_no_rate():
    codes = found(vae(kind=Autoencoder))
    assert codes["no-rate"].severity == "fine"
    assert not {"prior-far", "prior-near", "not-judged"} & codes.keys()


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
    near = found(model, images(sigma=0.2), images(sigma=0.2, seed=1))["prior-near"]
    assert (near.severity, near.fields["per_latent_images"]) == ("fine", 600)
