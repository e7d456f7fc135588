"""From a decoder's output to parameters."""

from __future__ import annotations

import pytest
import torch

from kelbo.errors import RecipeError
from kelbo.likelihoods import BitwiseCategorical, Categorical, DiscretizedLogistic, DiscretizedLogisticMixture, Laplace
from kelbo.likelihoods.heads import choose, soft_clip, split


def test_an_output_is_split_into_parameters_that_each_have_every_channel():
    output = torch.arange(12.0).view(1, 6, 2)
    first, second = split(output, 2)
    assert torch.equal(first, output[:, :3])
    assert torch.equal(second, output[:, 3:])


def test_a_soft_clip_is_above_its_floor_and_above_its_argument():
    value = torch.linspace(-20, 5, 101)
    clipped = soft_clip(value, -6.0)
    assert (clipped >= value.clamp(min=-6)).all()
    torch.testing.assert_close(clipped[-1], value[-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("log_sigma", "bias"), [(-2.5, 0.030), (-4.0, 0.135), (-5.0, 0.368)])
def test_a_soft_clip_at_minus_six_makes_a_sigma_too_large_by_so_much(log_sigma, bias):
    ratio = torch.exp(soft_clip(torch.tensor(log_sigma), -6.0) - log_sigma).item()
    assert ratio - 1 == pytest.approx(bias, abs=1e-3)


def test_a_soft_clip_never_stops_a_gradient():
    value = torch.tensor([-20.0, -6.0, 0.0], requires_grad=True)
    soft_clip(value, -6.0).sum().backward()
    assert (value.grad > 0).all()


def test_a_choice_falls_as_often_as_its_probability_and_never_where_that_is_zero():
    torch.manual_seed(0)
    probabilities = torch.tensor([0.5, 0.0, 0.3, 0.2])
    counts = torch.bincount(choose(probabilities.log().view(1, 4, 1).expand(1, 4, 40_000)).flatten(), minlength=4)
    assert counts[1] == 0
    error = (counts / 40_000 - probabilities).abs()
    assert (error < 5 * (probabilities * (1 - probabilities) / 40_000).sqrt() + 1e-9).all()


@pytest.mark.parametrize("family", [BitwiseCategorical, DiscretizedLogistic])
@pytest.mark.parametrize("bits", [0, 9])
def test_pixels_have_one_to_eight_bits(family, bits):
    with pytest.raises(RecipeError, match=f"likelihood.bits must be 1 to 8; got {bits}"):
        family(bits)


def test_a_single_level_is_refused():
    with pytest.raises(RecipeError, match="likelihood.levels must be at least 2; got 1"):
        Categorical(levels=1)


def test_a_mixture_without_components_is_refused():
    with pytest.raises(RecipeError, match="likelihood.components must be at least 1; got 0"):
        DiscretizedLogisticMixture(components=0)


@pytest.mark.parametrize("scale", [0.0, float("inf")])
def test_a_scale_that_is_no_length_is_refused(scale):
    with pytest.raises(RecipeError, match=f"likelihood.scale must be positive and finite, or None .*; got {scale}"):
        Laplace(scale)
