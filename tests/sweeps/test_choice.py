"""Which way of training lanes is chosen, and why."""

import pytest
import torch

from kelbo.errors import RecipeError
from kelbo.recipes import change
from kelbo.sweeps import choice
from kelbo.sweeps.choice import choose, lanes_at_once


@pytest.fixture
def lanes(small):
    return [change(small, [f"objective.beta={beta}"]) for beta in (0.1, 1, 4)]


def test_one_lane_needs_no_stack(small):
    assert choose([small]) == ("queue", "A single lane has nothing to stack with.", None, None)


def test_lanes_that_cannot_be_stacked_are_queued_and_the_reason_is_given(small):
    chosen = choose([small, change(small, ["model.latents=9"])])
    assert chosen.how == "queue"
    assert chosen.why == "These lanes cannot be stacked: model.latents is 3 in one and 9 in another."


def test_the_faster_of_two_measured_ways_is_chosen(lanes):
    chosen = choose(lanes, workers=2)
    faster = chosen.stacked_images_per_second > chosen.queue_images_per_second
    assert chosen.how == ("stack" if faster else "queue")
    assert f"stacked {chosen.stacked_images_per_second:,.0f} images/s" in chosen.why
    assert f"{chosen.queue_images_per_second:,.0f} images/s" in chosen.why
    assert "2 processes of" in chosen.why


@pytest.mark.parametrize(("lanes", "workers", "average"), [(4, 2, 2), (3, 2, 1.5), (3, 3, 3), (5, 4, 2.5), (7, 1, 1)])
def test_workers_that_are_left_without_a_lane_do_not_count(lanes, workers, average):
    assert lanes_at_once(lanes, workers) == average


def test_a_probe_disturbs_nothing(lanes):
    torch.manual_seed(3)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    choose(lanes)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_a_recipe_that_cannot_be_built_is_refused(small):
    recipes = [change(small, ["likelihood.kind=logistic", f"seed={seed}"]) for seed in (1, 2)]
    with pytest.raises(RecipeError, match=r"have 17\b"):
        choose(recipes)


def test_lanes_that_do_not_fit_into_memory_together_are_queued(lanes, monkeypatch):
    def too_much(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(choice, "_stacked", too_much)
    assert choose(lanes)[:2] == ("queue", "3 stacked lanes do not fit into the memory of cpu.")
