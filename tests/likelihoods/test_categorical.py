"""Levels without order, bits with it."""

from __future__ import annotations

import torch

from kelbo.likelihoods import Bernoulli, BitwiseCategorical, Categorical


def test_bits_are_a_categorical_whose_logits_are_sums_of_bit_logits():
    torch.manual_seed(0)
    bits = torch.randn(5, 4, 3)  # B, bits, C
    digits = (torch.arange(16)[:, None] >> torch.tensor([3, 2, 1, 0])) & 1
    logits = torch.einsum("lk,bkc->blc", digits.float(), bits)
    x = torch.randint(0, 16, (5, 3)) / 15
    bitwise, categorical = BitwiseCategorical(bits=4), Categorical(levels=16)
    torch.testing.assert_close(bitwise.log_prob(x, bits.flatten(1)), categorical.log_prob(x, logits.flatten(1)))
    torch.testing.assert_close(bitwise.mean(bits.flatten(1)), categorical.mean(logits.flatten(1)))
    torch.testing.assert_close(bitwise.variance(bits.flatten(1)), categorical.variance(logits.flatten(1)))


def test_the_first_bit_is_the_most_significant_one():
    sure = 50 * torch.tensor([[1.0, -1, -1, -1, -1, -1, -1, -1]])
    assert torch.equal(BitwiseCategorical().sample(sure), torch.tensor([[128 / 255]]))


def test_one_bit_is_a_bernoulli():
    torch.manual_seed(0)
    x, logits = torch.randint(0, 2, (6, 3, 2, 2)).float(), torch.randn(6, 3, 2, 2)
    torch.testing.assert_close(BitwiseCategorical(bits=1).log_prob(x, logits), Bernoulli().log_prob(x, logits))


def test_a_categorical_scores_the_logit_of_the_pixels_own_level_and_channel():
    output = torch.full((1, 256, 2, 1, 1), -50.0)
    output[0, 7, 0] = output[0, 200, 1] = 50.0
    x = torch.tensor([7 / 255, 200 / 255]).view(1, 2, 1, 1)
    assert Categorical().log_prob(x, output.flatten(1, 2)).item() == 0
    assert torch.equal(Categorical().sample(output.flatten(1, 2)), x)


def test_a_cross_entropy_of_grey_pixels_is_no_density():
    grey = torch.linspace(0, 1, 1001).view(-1, 1)
    integral = torch.trapezoid(Bernoulli().log_prob(grey, torch.zeros(1001, 1)).exp(), grey[:, 0])
    torch.testing.assert_close(integral, torch.tensor(0.5))
    assert Bernoulli().levels == 2  # by which an evaluation knows
