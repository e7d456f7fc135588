"""A step may take its batch in parts.

That its gradient is the whole batch's is a law of tests/parity/test_gradients_of_processes.py.
"""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from kelbo.bound import Batch
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError, RunError
from kelbo.experiments import train
from kelbo.experiments.guards import require_whole_shares
from kelbo.experiments.parts import Parts
from kelbo.experiments.running import beginning
from kelbo.recipes import build, change, find
from kelbo.runs import Run
from kelbo.seeds import Source, drawing_from, drawn_again, normal_like
from kelbo.sweeps.stackable import require_lanes
from kelbo.training.accumulating import require_no_batch_statistics

TINY = [
    *("model.network.width=16", "model.latents=3", "training.batch_size=32", "training.steps=4"),
    *("training.checkpoint_every=2", "training.log_every=2", "training.pictures_every=100", "training.accumulate=4"),
]
BENT = ["objective.kind=capacity", "objective.gamma=5", "objective.capacity=6", "objective.steps=20"]


def tiny(*settings):
    return change(find("digits"), [*TINY, *settings])


def one_device(precision="32-true"):
    return Fabric(accelerator="cpu", devices=1, precision=precision)


def tensors(run, name, step=4):
    return load_file(run.checkpoint(step) / f"{name}.safetensors")


def with_layer(layer):
    """Parts whose encoder begins with this layer."""

    def model(recipe, images, runs):
        made = build.model(recipe, images, runs)
        made.encoder = nn.Sequential(layer, made.encoder)
        return made

    return Parts(model=model)


@pytest.mark.parametrize(
    "settings", [[], BENT, ["likelihood.kind=per_image_gaussian", "training.precision=bf16-mixed"]]
)
def test_a_resumed_run_equals_a_straight_one(tmp_path, settings):
    straight = train(tiny(*settings), tmp_path / "straight")
    parts = train(tiny(*settings, "training.steps=2"), tmp_path / "parts")
    train(tiny(*settings), parts.path, resume=True)
    for name in ("weights", "training", "generators-0"):
        for key, value in tensors(straight, name).items():
            assert torch.equal(tensors(parts, name)[key], value), key
    assert tensors(parts, "weights")["likelihood.batches"] == 4  # observed once a step


def test_a_pass_ahead_leaves_the_noise_as_it_was(tmp_path):
    ahead = train(tiny("likelihood.kind=optimal_gaussian"), tmp_path / "ahead")
    once = train(tiny("likelihood.kind=fixed_gaussian"), tmp_path / "once")
    assert torch.equal(tensors(ahead, "generators-0")["cpu"], tensors(once, "generators-0")["cpu"])


def test_draws_are_drawn_again_with_dropout_and_without_a_source():
    def draws():
        return torch.stack([F.dropout(torch.ones(64)), normal_like(torch.ones(64))])

    with drawing_from(Source(1)):
        with drawn_again(dropout=True):
            first = draws()
        assert torch.equal(draws(), first)
        assert not torch.equal(draws(), first)
    with drawn_again():
        first = draws()
    assert torch.equal(draws(), first)


def test_parts_see_their_own_conditions():
    seen = []
    recipe, fabric = tiny("likelihood.kind=bernoulli"), one_device()
    images = build.data(recipe)
    state, update = beginning(recipe, images, fabric)
    state.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x, labels = torch.rand(32, *images.shape), torch.arange(32)
    update(state, Batch(x, {"labels": labels}))
    assert [len(part.x) for part in seen] == [8] * 4
    assert torch.equal(torch.cat([part.given["labels"] for part in seen]), labels)


def test_parts_of_unequal_size_are_refused():
    require_whole_shares(tiny(), 2)
    with pytest.raises(RecipeError, match="training.accumulate is 4, but the 2 examples"):
        require_whole_shares(tiny("training.batch_size=8"), 4)
    recipe, fabric = tiny(), one_device()
    state, update = beginning(recipe, build.data(recipe), fabric)
    with pytest.raises(RecipeError, match="training.accumulate is 4, but 6 examples"):
        update(state, Batch(torch.rand(6, 1, 16, 16)))


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(1), nn.InstanceNorm2d(1, track_running_stats=True)])
def test_layers_with_statistics_of_the_batch_are_refused_by_name(tmp_path, layer):
    with pytest.raises(RecipeError, match=rf"the layer encoder.0 \({type(layer).__name__}\)"):
        train(tiny(), tmp_path / "run", parts=with_layer(layer))
    assert not (tmp_path / "run").exists()
    train(tiny("training.accumulate=1", "training.steps=1"), tmp_path / "whole", parts=with_layer(layer))


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.InstanceNorm2d(1), nn.GroupNorm(1, 1)])
def test_other_layers_are_not(layer):
    recipe = tiny()
    require_no_batch_statistics(with_layer(layer).model(recipe, build.data(recipe), {}))


def test_neither_batch_statistics_nor_parts_are_stacked():
    recipe, fabric = tiny("training.accumulate=1"), one_device()
    images, update = build.data(recipe), build.update(recipe, fabric)
    model = build.model(recipe, images)
    assert require_lanes("lane", model, update) is update
    with pytest.raises(RecipeError, match="its layer encoder.0 is BatchNorm2d"):
        require_lanes("lane", with_layer(nn.BatchNorm2d(1)).model(recipe, images, {}), update)
    with pytest.raises(RecipeError, match="it takes its batch in parts"):
        require_lanes("lane", model, build.update(tiny(), fabric))


def test_a_run_goes_on_in_as_many_parts(tmp_path):
    run = train(tiny("training.steps=2"), tmp_path / "run")
    with pytest.raises(RunError, match="training.accumulate: 4 → 2"):
        train(tiny("training.accumulate=2"), run.path, resume=True)
    assert json.loads(run.provenance_path.read_text())["recipe"] == tiny("training.steps=2").fingerprint
    assert Run.open(run.path).checkpoint_steps() == [2]
