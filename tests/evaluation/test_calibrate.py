"""A decoder that tells the truth looks calibrated, one that does not is seen through."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from kelbo.data.images import ArrayImages
from kelbo.evaluation.calibrate import calibration
from kelbo.likelihoods import Bernoulli, Categorical, FixedGaussian
from kelbo.models import VAE

SHAPE = (1, 6, 6)


class Grey(nn.Module):
    """A decoder that gives every pixel the same parameters whatever the latents."""

    def __init__(self, *parameters: float) -> None:
        super().__init__()
        self.parameters_ = torch.tensor(parameters)[:, None, None]

    def forward(self, z):
        return self.parameters_.expand(len(z), -1, *SHAPE[1:])


def constant(likelihood, *parameters):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(36, 4))
    return VAE(encoder, Grey(*parameters), likelihood, SHAPE, 2)


def normal_images(sigma: float, count: int = 600) -> ArrayImages:
    values = np.random.default_rng(0).normal(0.5, sigma, (count, *SHAPE))
    return ArrayImages((values * 255).round().clip(0, 255).astype(np.uint8))


def test_the_true_sigma_is_calibrated():
    told = calibration(constant(FixedGaussian(0.1), 0.5), normal_images(0.1))
    assert told["total_variation"] < 0.02
    for level, entry in told["coverage"].items():
        assert abs(entry["share"] - float(level)) < 5 * entry["standard_error"]
    assert told["by_variance"]["ratio"] == pytest.approx([1], abs=0.05)


@pytest.mark.parametrize(("sigma", "inside"), [(0.05, "fewer"), (0.2, "more")])
def test_a_wrong_sigma_is_seen_through(sigma, inside):
    told = calibration(constant(FixedGaussian(sigma), 0.5), normal_images(0.1))
    share = told["coverage"]["0.5"]["share"]
    assert share < 0.4 if inside == "fewer" else share > 0.6
    edges, middle = told["histogram"][0], told["histogram"][10]
    assert edges > middle if inside == "fewer" else edges < middle
    assert told["by_variance"]["ratio"][0] == pytest.approx((0.1 / sigma) ** 2, rel=0.1)


def test_a_sigma_below_a_grey_level_is_not_blamed_for_the_levels():
    flat = ArrayImages(np.full((300, *SHAPE), 128, np.uint8))
    # values anywhere within the level are uniform there: a normal of the same variance puts 16 % in other bins, not half
    told = calibration(constant(FixedGaussian(1 / 255 / 12**0.5), 128 / 255), flat)
    assert told["total_variation"] < 0.2


@pytest.mark.parametrize("model", [constant(Bernoulli(), 0.0), constant(Categorical(2), 0.0, 0.0)])
def test_masses_are_randomised(model):
    bits = np.random.default_rng(0).integers(0, 2, (400, *SHAPE), dtype=np.uint8)
    told = calibration(model, ArrayImages(bits, levels=2))
    assert told["total_variation"] < 0.02


def test_a_sure_mass_says_why_it_has_no_variance_bins():
    bits = np.ones((20, *SHAPE), np.uint8)
    told = calibration(constant(Bernoulli(), 200.0), ArrayImages(bits, levels=2))
    assert "positive" in told["by_variance"]["reason"]
    json.dumps(told, allow_nan=False)
