"""Noise of lanes: each lane's is its own generator's."""

import pytest
import torch

from kelbo.latents.noise import noise_of_lanes, standard_normal


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_without_lanes_noise_is_the_default_generators():
    like = torch.empty(3, 4)
    torch.manual_seed(5)
    ours = standard_normal(like)
    torch.manual_seed(5)
    assert torch.equal(ours, torch.randn_like(like))


@pytest.mark.parametrize("place", [0, 1])
def test_each_lane_draws_what_it_would_draw_alone(place):
    likes = torch.empty(3, 3, 8, 2)
    with noise_of_lanes(generators(1, 2, 1)):
        twice = torch.vmap(lambda like: (standard_normal(like), standard_normal(like)), in_dims=place)(likes)
    for lane, generator in enumerate(generators(1, 2, 1)):
        for drawn in twice:
            shape = likes.select(place, 0).shape
            assert torch.equal(drawn[lane], torch.randn(shape, generator=generator))


def test_gradients_pass_the_noise_by():
    scale = torch.ones(2, 4, 3, requires_grad=True)
    with noise_of_lanes(generators(1, 2)):
        torch.vmap(lambda s: s * standard_normal(s))(scale).sum().backward()
    assert torch.equal(scale.grad[1], torch.randn(4, 3, generator=generators(2)[0]))


def test_lanes_and_generators_are_as_many():
    with noise_of_lanes(generators(1, 2)), pytest.raises(RuntimeError, match="3 lanes draw noise, but there are 2"):
        torch.vmap(standard_normal)(torch.empty(3, 2))


def test_noise_of_lanes_is_asked_for_under_vmap_only():
    with noise_of_lanes(generators(1)), pytest.raises(RuntimeError, match="outside of vmap"):
        standard_normal(torch.empty(2))
