"""Each lane of a stacked run is the run that its recipe would be alone.

Only the order of float32 sums differs, so after ten steps weights agree within 1e-5 of their tensor's largest value, and the
journal's means within a share of 1e-5.
"""

import json
import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from kelbo.errors import Interrupted
from kelbo.experiments import train
from kelbo.recipes import change, find
from kelbo.runs import Run
from kelbo.sweeps.stacked import train_stacked

SMALL = [
    *("model.latents=3", "training.batch_size=32", "training.steps=10", "training.log_every=4"),
    *("training.checkpoint_every=4", "training.pictures_every=100", "objective.warmup=5", "optimizer.weight_decay=0"),
]
NETWORKS = {
    "higgins": ["model.network.width=24"],
    "residual": ["model.network.kind=residual", "model.network.channels=2", "model.network.width=16"],
    "burgess": ["data.size=16", "model.network.kind=burgess", "model.network.channels=4", "model.network.hidden=16"],
}
LANES = (
    ["seed=1", "objective.beta=4", "training.ema=0.99"],
    ["seed=2", "objective.beta=0.1", "optimizer.learning_rate=3e-3", "schedule.kind=drop"],
    ["seed=1", "objective.kind=capacity", "objective.gamma=10", "objective.steps=5", "training.clip=20"],
)


def lanes_of(*settings, network="higgins", own=LANES):
    base = change(find("digits"), [*SMALL, *NETWORKS[network], *settings])
    return [change(base, lane) for lane in own]


def stacked(recipes, folder, **how):
    folders = [folder / f"lane{number}" for number in range(len(recipes))]
    return [Run(path) for path in folders], train_stacked(recipes, folders, **how)


def alone(recipes, folder):
    return [train(recipe, folder / f"alone{number}") for number, recipe in enumerate(recipes)]


def same(run, other, share=1e-5):
    """Two runs' newest checkpoints, all their files and tensors, and their journals but for speed."""
    ours, theirs = (Run.checkpoint(r, r.checkpoint_steps()[-1]) for r in (run, other))
    assert ours.name == theirs.name
    assert json.loads((ours / "state.json").read_text()) == json.loads((theirs / "state.json").read_text())
    assert {path.name for path in ours.iterdir()} == {path.name for path in theirs.iterdir()}
    for path in ours.glob("*.safetensors"):
        one, another = load_file(path), load_file(theirs / path.name)
        assert one.keys() == another.keys()
        for name, value in one.items():
            room = 0 if path.name.startswith("generators") else share * float(another[name].double().abs().max())
            torch.testing.assert_close(value, another[name], rtol=0, atol=room, msg=f"{path.name}: {name}")
    for one, another in zip(run.journal.rows(), other.journal.rows(), strict=True):
        assert list(one) == list(another)
        for name in one.keys() - {"images_per_second"}:
            assert one[name] == (another[name] and pytest.approx(another[name], rel=share)), name


@pytest.mark.parametrize(
    ("network", "likelihood", "optimizer"),
    [
        ("higgins", "bernoulli", "adam"),
        ("higgins", "optimal_gaussian", "adagrad"),
        ("burgess", "shared_gaussian", "adamw"),
        ("burgess", "optimal_gaussian", "adam"),
        ("residual", "optimal_gaussian", "adam"),
    ],
)
def test_every_lane_equals_its_run_alone(network, likelihood, optimizer, tmp_path):
    kinds = [f"likelihood.kind={likelihood}", f"optimizer.kind={optimizer}"]
    kinds += ["optimizer.weight_decay=0.1"] if optimizer == "adamw" else []
    recipes = lanes_of(*kinds, network=network)
    runs, outcomes = stacked(recipes, tmp_path)
    assert [outcome.error for outcome in outcomes] == [None] * 3
    for run, other in zip(runs, alone(recipes, tmp_path), strict=True):
        same(run, other)


@pytest.mark.parametrize(
    ("likelihood", "name", "values"), [("fixed_gaussian", "sigma", (0.1, 0.7)), ("laplace", "scale", (0.05, 0.4))]
)
def test_lanes_may_differ_in_a_likelihoods_constant(likelihood, name, values, tmp_path):
    own = [[f"likelihood.{name}={value}"] for value in values]
    recipes = lanes_of(f"likelihood.kind={likelihood}", "training.steps=4", own=own)
    runs, _ = stacked(recipes, tmp_path)
    for run, other in zip(runs, alone(recipes, tmp_path), strict=True):
        same(run, other)
    assert runs[0].journal.rows()[0]["distortion"] != runs[1].journal.rows()[0]["distortion"]


def test_plain_autoencoders_stack_too(tmp_path):
    recipes = lanes_of("model.kind=autoencoder", "training.steps=4", own=LANES[:2])
    runs, _ = stacked(recipes, tmp_path)
    for run, other in zip(runs, alone(recipes, tmp_path), strict=True):
        same(run, other)


def test_a_lane_goes_on_alone_from_its_checkpoint(tmp_path):
    recipes = lanes_of("training.steps=4", own=LANES[:1])
    longer = [change(recipe, ["training.steps=8"]) for recipe in recipes]
    (run,), _ = stacked(recipes, tmp_path)
    train(longer[0], run.path, resume=True)
    same(run, alone(longer, tmp_path)[0])


def test_a_stopped_stack_goes_on_to_the_same_bits(tmp_path):
    recipes = lanes_of()
    whole, _ = stacked(recipes, tmp_path / "whole")

    ended = []

    def stop(name, told):
        if name == "lane1" and told.get("step") == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        if told.get("state") == "failed":
            ended.append((name, told["kind"], told["error"]))

    with pytest.raises(Interrupted, match="Stopped by SIGTERM: 0 of 3 done"):
        stacked(recipes, tmp_path / "cut", watch=stop)
    why = "Stopped by SIGTERM after step 4, which is saved."
    assert ended == [(name, "Interrupted", why) for name in ("lane0", "lane1", "lane2")]
    runs, outcomes = stacked(recipes, tmp_path / "cut")
    assert [outcome.error for outcome in outcomes] == [None] * 3
    for run, other in zip(runs, whole, strict=True):
        same(run, other, share=0)


def test_a_second_ctrl_c_ends_a_stack_at_once(tmp_path):
    before = signal.getsignal(signal.SIGINT)

    def stop(name, told):
        if name == "lane1" and told.get("step") == 4:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        stacked(lanes_of(), tmp_path, watch=stop)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_stack_that_is_stopped_before_its_first_step_begins_no_more_lanes(tmp_path):
    def stop(name, told):
        if name == "lane0":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="Stopped by SIGINT: 0 of 3 done"):
        stacked(lanes_of(), tmp_path, watch=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["lane0"]


def test_lanes_cut_off_at_different_steps_each_go_on_from_their_own(tmp_path):
    recipes = lanes_of()

    class PowerCutError(Exception):
        pass

    def cut(name, told):
        if name == "lane1" and told.get("step") == 8:  # lane 0 has saved this step, lane 1 has not
            raise PowerCutError

    with pytest.raises(PowerCutError):
        stacked(recipes, tmp_path, watch=cut)
    newest = [run.checkpoint_steps()[-1] for run in stacked_runs(tmp_path)]
    assert newest == [8, 4, 4]
    runs, _ = stacked(recipes, tmp_path)
    for run, other in zip(runs, alone(recipes, tmp_path), strict=True):
        same(run, other)


def stacked_runs(folder):
    return [Run.open(path) for path in sorted(folder.glob("lane*"))]


def test_a_diverging_lane_is_left_behind_and_the_others_go_on_as_if_alone(tmp_path):
    own = [LANES[0], ["optimizer.learning_rate=1e30"], LANES[2]]
    recipes = lanes_of("training.steps=20", own=own)
    runs, outcomes = stacked(recipes, tmp_path)
    assert [outcome.kind for outcome in outcomes] == [None, "Divergence", None]
    assert "Lower optimizer.learning_rate" in outcomes[1].error
    assert runs[1].checkpoint_steps() == []
    for number in (0, 2):
        same(runs[number], alone([recipes[number]], tmp_path / str(number))[0])
