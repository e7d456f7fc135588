"""Several processes on one machine train and evaluate what one does at the same global batch."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kelbo.cli.launching import launch, launch_where_asked
from kelbo.errors import RecipeError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change, find, parse
from kelbo.runs import Run

SETTINGS = [
    "data.size=16",
    "model.network.kind=burgess",
    "model.network.channels=4",
    "model.network.hidden=16",
    "training.batch_size=64",
    "training.log_every=1",
    "training.ema=0.9",
]


def trained(out, devices, *settings):
    """A run of 28 steps, past the border of an epoch, by the command line as a user starts it."""
    chosen = [argument for setting in (*SETTINGS, *settings) for argument in ("--set", setting)]
    command = [sys.executable, "-m", "kelbo", "train", "digits", "--out", out, "--steps", "28", "--accelerator", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*map(str, command), "--devices", str(devices), *chosen], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return Run.open(out)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ["model.kind=autoencoder", "likelihood.kind=optimal_gaussian", "training.clip=5.0"],
        ["model.kind=autoencoder", "likelihood.kind=per_image_gaussian"],
    ],
)
def test_without_noise_two_processes_have_the_loss_curve_and_weights_of_one(tmp_path, settings):
    one, two = trained(tmp_path / "one", 1, *settings), trained(tmp_path / "two", 2, *settings)
    losses = [[row["loss"] for row in run.journal.rows()] for run in (one, two)]
    assert len(losses[1]) == 28
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    first, second = (load_file(run.checkpoint(28) / "weights.safetensors") for run in (one, two))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-2, atol=1e-3, msg=name)
    assert (two.checkpoint(28) / "generators-1.safetensors").exists()


@pytest.mark.slow
def test_with_noise_two_processes_have_the_loss_curve_of_one_up_to_that_noise(tmp_path):
    settings = ["objective.kind=capacity", "objective.gamma=5", "objective.capacity=6", "objective.steps=20"]
    one, two = trained(tmp_path / "one", 1, *settings), trained(tmp_path / "two", 2, *settings)
    first, second = (torch.tensor([row["loss"] for row in run.journal.rows()]) for run in (one, two))
    assert (first - second).abs().mean() < 0.05 * (first[0] - first[-1]).abs()


@pytest.mark.slow
def test_two_processes_resume(tmp_path):
    run = trained(tmp_path / "run", 2)
    command = [sys.executable, "-m", "kelbo", "train", "--resume", "--out", str(run.path), "--steps", "30"]
    done = subprocess.run([*command, "--accelerator", "cpu", "--devices", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((run.checkpoint(30) / "state.json").read_text())["step"] == 30


@pytest.mark.slow
def test_torchrun_trains_what_the_launcher_of_the_command_line_trains(tmp_path):
    autoencoder = ["model.kind=autoencoder", "likelihood.kind=optimal_gaussian"]
    ours = trained(tmp_path / "ours", 2, *autoencoder)
    chosen = [argument for setting in (*SETTINGS, *autoencoder) for argument in ("--set", setting)]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    verb = ["-m", "kelbo", "train", "digits"]
    where = ["--out", str(tmp_path / "theirs"), "--steps", "28", "--accelerator", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launcher, *verb, *where, *chosen], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    theirs = Run.open(tmp_path / "theirs")
    assert [row["loss"] for row in theirs.journal.rows()] == [row["loss"] for row in ours.journal.rows()]
    assert theirs.provenance()["machine"]["processes"] == 2


@pytest.fixture
def run_of_odd_images(tmp_path):
    """A run whose test split has 7 images: batches of 2 are 4, which 3 processes share unevenly, and the last is short."""
    pixels = np.random.default_rng(0).integers(0, 256, size=(70, 12, 12), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    table = find("frey").model_dump(mode="json") | {"data": {"kind": "array", "root": str(tmp_path / "a.npy")}}
    small = ["training.steps=4", "training.batch_size=16", "model.network.kind=higgins", "model.network.width=8"]
    return train(change(parse(table), small), tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("devices", [2, 3])
def test_several_processes_evaluate_to_the_record_of_one_with_noise_too(run_of_odd_images, devices):
    run = run_of_odd_images
    alone = evaluate_run(open_run(run.path, device="cpu"), samples=3, dequantized=True, batch_size=2)
    (before,) = run.measurements.all("evaluation")
    before.place.unlink()
    for sigma in run.checkpoints.glob("*/sigma.json"):  # which the processes then estimate together
        sigma.unlink()
    command = [sys.executable, "-m", "kelbo", "evaluate", str(run.path), "--samples", "3", "--dequantize", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    where = ["--batch-size", "2", "--devices", str(devices), "--accelerator", "cpu"]
    done = subprocess.run([*command, *where], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert alone["settings"]["images"] == 7
    assert json.loads(done.stdout) == alone  # one object: one process prints
    (after,) = run.measurements.all("evaluation")
    assert (after.place, after.record) == (before.place, before.record)


def test_numbers_of_processes_that_disagree_with_torchrun_are_refused(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RecipeError, match=r"--devices is 3, but torchrun was started with --nproc-per-node 2\."):
        launch("cpu", 3, None)
    with pytest.raises(RecipeError, match=r"--num-nodes is 1, but torchrun was started with --nnodes 2\."):
        launch("cpu", 2, 1)


def test_one_device_and_several_processes_are_two_things():
    with pytest.raises(RecipeError, match="--device cuda:1"):
        launch_where_asked("cuda:1", None, 2, None)
    assert launch_where_asked("cpu", None, None, None) is None
