"""A run that begins from another one's weights takes what fits, names what does not, and soon needs that run no more."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kelbo.distributed.fabric import Fabric
from kelbo.errors import Damaged, RecipeError, RunError
from kelbo.experiments import open_run, train
from kelbo.experiments.parts import BUILD, Parts
from kelbo.experiments.running import running
from kelbo.experiments.starting import read_start
from kelbo.models import VAE
from kelbo.recipes import build, change, dump, find
from kelbo.recipes.files import load, parse_text
from kelbo.runs import Run
from kelbo.sweeps.definition import find_sweep, prepare_sweep
from kelbo.sweeps.stacked import train_stacked
from kelbo.training import opened

SMALL = ["model.network.width=16", "model.latents=3", "training.batch_size=16", "training.steps=4", "training.ema=0.9"]
OFTEN = ["training.checkpoint_every=2", "training.log_every=2", "training.pictures_every=100"]
ONLY_LAST = ["training.ema=none"]


def recipe(*settings):
    return change(find("digits"), [*SMALL, *OFTEN, *settings])


def after(source, *settings):
    """A recipe that begins from a run, from other weights than that run began from."""
    return recipe("seed=1", f'start.path="{getattr(source, "path", source)}"', *settings)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return train(recipe(), tmp_path_factory.mktemp("runs") / "source")


@pytest.fixture
def own(source, tmp_path):
    """A copy of the run, which may be spoiled."""
    return Run(shutil.copytree(source.path, tmp_path / "source"))


def begun(asked, out, parts=BUILD):
    """The run before its first step: its weights, their average and what was taken."""
    fabric = Fabric(accelerator="cpu", devices=1, precision=asked.training.precision)
    start = read_start(asked, out, fabric)
    with running(asked, out, parts.data(asked), fabric, start=start, parts=parts) as it:
        state = it.state
        assert state.step == 0
        assert not any(optimizer.state for optimizer in state.optimizers.values())
        weights = {name: value.clone() for name, value in state.network.state_dict().items()}
        return weights, None if state.ema is None else state.ema.weights, it.taken


def spoil(run):
    """Give a run other averaged weights, as if it had been trained on."""
    shutil.copyfile(run.checkpoint(4) / "weights.safetensors", run.checkpoint(4) / "ema.safetensors")


def weights_of(run, file="ema"):
    return load_file(run.checkpoint(run.checkpoint_steps()[-1]) / f"{file}.safetensors")


def equal(one, other, names=None):
    names = one.keys() | other.keys() if names is None else names
    return all(torch.equal(one[name], other[name]) for name in names)


# ── what is taken ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("settings", [["training.ema=0.99"], [*ONLY_LAST, "training.precision=bf16-mixed"]])
def test_before_its_first_step_it_has_the_average_of_that_run_bit_for_bit(source, tmp_path, settings):
    weights, average, taken = begun(after(source, *settings), tmp_path / "run")
    assert equal(weights, weights_of(source))
    assert not equal(weights, weights_of(source, "weights"))
    assert average is None or equal(average, weights)
    assert taken.absent == taken.left == ()
    assert {"likelihood.running_variance", "likelihood.batches"} <= {*taken.taken}


def test_a_hash_may_ask_for_the_weights_of_the_last_step(source, tmp_path):
    last = open_run(source.path, average=False).checkpoint.opened
    weights, _, taken = begun(after(source, f"start.weights={last}"), tmp_path / "run")
    assert equal(weights, weights_of(source, "weights"))
    assert taken.source.weights == "last step"


def test_what_does_not_fit_is_drawn_as_without_that_run_and_named(source, tmp_path):
    settings = ["model.latents=5", "likelihood.kind=shared_gaussian"]
    weights, _, taken = begun(after(source, *settings), tmp_path / "run")
    fresh, _, _ = begun(recipe("seed=1", *settings), tmp_path / "fresh")
    assert taken.unlike["encoder.5.weight"] == "10×16 here, 6×16 there"
    assert taken.absent == ("likelihood.log_sigma",)
    assert {*taken.left} == {"likelihood.running_variance", "likelihood.batches"}
    assert equal(weights, fresh, [*taken.unlike, *taken.absent])
    assert equal(weights, weights_of(source), taken.taken)
    told = Run(tmp_path / "run").provenance()["start"]
    assert told["counts"] == {"taken": 11, "absent": 1, "unlike": 3, "left": 2}
    assert told["taken"] == [*taken.taken]
    assert told["sha256"] == open_run(source.path).checkpoint.opened
    assert "encoder.5.weight" in "\n".join(taken.lines())


class Scaled(VAE):
    """A VAE with a part that the recipe's has not."""

    def __init__(self, plain):
        super().__init__(plain.encoder, plain.decoder, plain.likelihood, plain.event, plain.latent_dims)
        self.gain = torch.nn.Linear(2, 2)


OWN = Parts(model=lambda recipe, images, _: Scaled(build.model(recipe, images)))


def test_a_model_of_ones_own_takes_what_fits_and_gives_it_without_its_code(source, tmp_path):
    _, _, taken = begun(after(source), tmp_path / "own", OWN)
    assert taken.absent == ("gain.weight", "gain.bias")
    run = train(after(source, "training.steps=1"), tmp_path / "trained", parts=OWN)
    weights, _, taken = begun(after(run), tmp_path / "plain")
    assert taken.left == ("gain.bias", "gain.weight")
    assert equal(weights, weights_of(run), taken.taken)


@pytest.mark.slow
def test_on_other_images_it_begins_ahead_of_one_that_draws_its_weights(tmp_path):
    upside_down = build.data(recipe()).train.spread(400).numpy()[:, :, ::-1]
    np.save(tmp_path / "other.npy", upside_down)
    source = train(recipe("training.steps=200", "objective.warmup=0"), tmp_path / "source")
    other = [f'data={{kind="array", root="{tmp_path / "other.npy"}", layout="NCHW", levels=17}}', "objective.warmup=0"]
    drawn = train(recipe("seed=1", *other), tmp_path / "drawn").journal.rows()[0]
    tuned = train(after(source, *other), tmp_path / "tuned").journal.rows()[0]
    assert tuned["distortion"] < drawn["distortion"] - 10


# ── what is kept, and gone on with ────────────────────────────────────────────────────────────────────────────────────


def test_it_resumes_exactly_without_the_run_that_it_began_from(own, tmp_path):
    whole = train(after(own), tmp_path / "whole")
    part = train(after(own, "training.steps=2"), tmp_path / "part")
    kept = load(part.recipe_path, kept=True)
    assert kept.start.weights == open_run(own.path).checkpoint.opened
    shutil.rmtree(own.path)
    train(after(own), part.path, resume=True)
    assert equal(weights_of(whole, "weights"), weights_of(part, "weights"))
    assert part.provenance()["start"]["counts"]["taken"] == 16
    open_run(part.path)


def test_a_recipe_that_a_run_kept_refuses_a_later_state_of_the_other_run(own, tmp_path):
    begun(after(own), tmp_path / "run")
    kept = load(tmp_path / "run" / "recipe.toml", kept=True)
    spoil(own)
    with pytest.raises(RunError, match=r"start\.weights") as refused:
        train(kept, tmp_path / "again")
    assert kept.start.weights in str(refused.value)
    assert not (tmp_path / "again").exists()


def test_resuming_with_another_run_to_begin_from_is_refused(source, own, tmp_path):
    begun(after(source), tmp_path / "run")
    with pytest.raises(RunError, match=r"start\.path.*start\.weights"):
        train(after(own), tmp_path / "run", resume=True)


def test_where_that_run_is_names_no_other_experiment_and_its_weights_do(source):
    one, other = "a" * 64, "b" * 64
    first, moved, later = (
        after(path, f"start.weights={hash_}") for path, hash_ in (("here", one), ("there", one), ("here", other))
    )
    assert first.fingerprint == moved.fingerprint != later.fingerprint
    assert first.fingerprint != recipe("seed=1").fingerprint
    assert parse_text(dump(first), source.recipe_path) == first
    assert change(first, ["start=none"]) == recipe("seed=1")


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("settings", [["model.network.width=24"], ["data.size=16", "model.network.kind=rybkin"]])
def test_a_network_of_which_no_weights_fit_is_refused_before_there_is_a_folder(source, tmp_path, settings):
    with pytest.raises(RunError, match="encoder"):
        train(after(source, *settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_cannot_begin_from_itself(own):
    for resume in (False, True):
        with pytest.raises(RunError, match="itself"):
            train(after(own), own.path, resume=resume)


def test_a_damaged_absent_or_unready_run_is_named(own, tmp_path):
    for asked, named in (
        (after(tmp_path / "nowhere"), "nowhere"),
        (after(own, "start.checkpoint=best"), "best checkpoint"),
    ):
        with pytest.raises(RunError, match=named):
            train(asked, tmp_path / "run")
    (own.checkpoint(4) / "ema.safetensors").write_bytes(b"?")
    with pytest.raises(Damaged, match=r"ema\.safetensors"):
        train(after(own), tmp_path / "run")
    shutil.rmtree(own.checkpoints)
    with pytest.raises(RunError, match="no checkpoint"):
        train(after(own), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_trains_on_while_it_is_read_gives_one_whole_checkpoint(own, tmp_path, monkeypatch):
    def moving_on(place):
        header = header_of(place)
        if own.checkpoint(4).exists():
            own.checkpoint(4).rename(own.checkpoint(6))
        return header

    header_of = opened.header_of
    monkeypatch.setattr(opened, "header_of", moving_on)
    assert equal(read_start(after(own), tmp_path / "run").weights, weights_of(own))
    assert own.checkpoint_steps()[-1] == 6


# ── in sweeps and in several processes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_stacked_lanes_begin_where_each_would_alone(source, tmp_path):
    lanes = [after(source, *ONLY_LAST, "optimizer.weight_decay=0", f"seed={seed}") for seed in (1, 2)]
    folders = [tmp_path / f"stacked{seed}" for seed in (1, 2)]
    train_stacked(lanes, folders)
    for lane, folder in zip(lanes, folders, strict=True):
        one, other = (
            weights_of(run, "weights") for run in (Run(folder), train(lane, tmp_path / f"{folder.name}alone"))
        )
        assert all(torch.allclose(one[name], other[name], rtol=1e-4, atol=1e-5) for name in one)
        assert Run(folder).provenance()["start"]["counts"]["taken"] == 16


def test_all_lanes_of_a_sweep_begin_from_the_state_that_there_was_when_it_was_made(own, source, tmp_path):
    prepared = prepare_sweep(after(own), ["objective.beta=1,2"], [1], tmp_path / "sweep")
    spoil(own)
    asked = {lane.recipe.start.weights for lane in find_sweep(prepared.sweep.path).lanes}
    assert asked == {open_run(source.path).checkpoint.opened}


def test_a_sweep_may_vary_the_run_to_begin_from(own, source, tmp_path):
    prepared = prepare_sweep(recipe(), [f'start.path="{own.path}","{source.path}"'], [1], tmp_path / "sweep")
    assert [lane.recipe.start.path for lane in prepared.lanes] == [own.path, source.path]


@pytest.mark.slow
def test_two_processes_begin_from_the_weights_that_the_first_reads(source, tmp_path):
    (tmp_path / "begun.toml").write_text(
        dump(after(source, "optimizer.learning_rate=1e-30", "optimizer.weight_decay=0"))
    )
    command = [sys.executable, "-m", "kelbo", "train", tmp_path / "begun.toml", "--out", tmp_path / "run"]
    processes = ["--accelerator", "cpu", "--devices", "2"]
    subprocess.run([*map(str, command), *processes], check=True)
    moving = {"likelihood.running_variance", "likelihood.batches"}
    begun_from, run = weights_of(source), weights_of(Run(tmp_path / "run"), "weights")
    assert equal(begun_from, run, begun_from.keys() - moving)


def test_a_start_without_a_path_is_refused():
    with pytest.raises(RecipeError, match=r"start\.path"):
        recipe("start.checkpoint=best")
