"""A decoder is trained on while the encoder stays as it is, so that codes stay equal to the last bit."""

import numpy as np
import pytest
import torch

from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError
from kelbo.evaluation import encode
from kelbo.experiments import open_run, train
from kelbo.experiments.running import running
from kelbo.experiments.starting import read_start
from kelbo.recipes import build, change, find

SMALL = ["model.network.width=8", "model.latents=3", "training.batch_size=16", "training.steps=2", "training.ema=0.9"]
RARELY = ["training.checkpoint_every=2", "training.log_every=2", "training.pictures_every=100"]


def recipe(*settings):
    return change(find("digits"), [*SMALL, *RARELY, *settings])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return train(recipe(), tmp_path_factory.mktemp("runs") / "source")


def tuned(source, *more):
    return recipe(f'start.path="{source.path}"', "training.freeze=encoder", "seed=1", *more)


@pytest.fixture(scope="module")
def decoder_only(source, tmp_path_factory):
    return train(tuned(source), tmp_path_factory.mktemp("runs") / "tuned")


def test_codes_are_equal_to_the_last_bit_and_the_decoder_is_not(source, decoder_only):
    before, after = (open_run(run.path, device="cpu") for run in (source, decoder_only))
    codes = [encode(one.model, one.data.test) for one in (before, after)]
    assert all(np.array_equal(*pair) for pair in zip(*codes, strict=True))
    moved = [
        name
        for name, value in before.model.state_dict().items()
        if not torch.equal(value, after.model.state_dict()[name])
    ]
    assert moved
    assert not any(name.startswith("encoder.") for name in moved)


def test_what_is_frozen_is_evaluated_has_no_gradients_and_no_optimiser(source, tmp_path):
    asked, fabric = tuned(source), Fabric(accelerator="cpu", devices=1)
    start = read_start(asked, tmp_path / "run", fabric)
    with running(asked, tmp_path / "run", build.data(asked), fabric, start=start) as it:
        it.update(it.state, next(iter(it.batches.at(0))).as_intensities(17))
        encoder = it.state.network.encoder
        assert not any(module.training for module in encoder.modules())
        assert it.state.network.decoder.training
        assert all(p.grad is None and not p.requires_grad for p in encoder.parameters())
        held = {id(p) for group in it.state.optimizer.param_groups for p in group["params"]}
        assert held.isdisjoint(map(id, encoder.parameters()))
        with it.state.network.evaluating():
            pass
        assert not encoder.training


def test_the_run_says_so(decoder_only):
    assert decoder_only.provenance()["model"]["frozen"] == "encoder"


def test_it_needs_the_run_whose_encoder_it_is(tmp_path):
    with pytest.raises(RecipeError, match=r"start\.path"):
        train(recipe("training.freeze=encoder"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_only_a_recipe_that_freezes_has_another_fingerprint():
    assert recipe("training.freeze=encoder").fingerprint != recipe().fingerprint
    assert recipe("training.freeze=none").fingerprint == recipe().fingerprint


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(source, tmp_path):
    whole = train(tuned(source, "training.steps=4"), tmp_path / "whole")
    train(tuned(source), tmp_path / "parts")
    parts = train(tuned(source, "training.steps=4"), tmp_path / "parts", resume=True)
    one, other = (open_run(run.path, device="cpu").model.state_dict() for run in (whole, parts))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
