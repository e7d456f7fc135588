"""Two processes on one machine train what one trains at the same global batch."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

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


@pytest.mark.parametrize(
    "settings",
    [
        ["model.kind=autoencoder", "likelihood.kind=optimal_gaussian", "training.clip=5.0"],
        pytest.param(["model.kind=autoencoder", "likelihood.kind=per_image_gaussian"], marks=pytest.mark.slow),
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
