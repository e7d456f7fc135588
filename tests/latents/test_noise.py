"""Noise of lanes: each lane's is its own generator's."""

import pytest
import torch

from kelbo.latents.noise import noise_of_lanes, standard_normal, uniform
from kelbo.seeds import Source, drawing_from


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


both = pytest.mark.parametrize(("noise", "torchs"), [(standard_normal, torch.randn), (uniform, torch.rand)])


@both
def test_without_lanes_noise_is_the_default_generators(noise, torchs):
    like = torch.empty(3, 4)
    torch.manual_seed(5)
    ours = noise(like)
    torch.manual_seed(5)
    assert torch.equal(ours, torchs(3, 4))


@both
def test_a_source_gives_the_noise_and_leaves_the_default_generators(noise, torchs):
    before = torch.get_rng_state()
    with drawing_from(Source(5)):
        ours = noise(torch.empty(3, 4))
    assert torch.equal(ours, torchs(3, 4, generator=torch.Generator().manual_seed(5)))
    assert torch.equal(torch.get_rng_state(), before)


@both
@pytest.mark.parametrize("place", [0, 1])
def test_each_lane_draws_what_it_would_draw_alone(noise, torchs, place):
    likes = torch.empty(3, 3, 8, 2)
    with noise_of_lanes(generators(1, 2, 1)):
        twice = torch.vmap(lambda like: (noise(like), noise(like)), in_dims=place)(likes)
    for lane, generator in enumerate(generators(1, 2, 1)):
        for drawn in twice:
            shape = likes.select(place, 0).shape
            assert torch.equal(drawn[lane], torchs(shape, generator=generator))


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
