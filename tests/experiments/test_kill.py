"""Runs that are killed or asked to stop."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kelbo.runs import Run

ROOT = Path(__file__).parents[2]
TRAIN = [sys.executable, "-m", "kelbo", "train", "digits", "--set", "training.checkpoint_every=1000"]


def campaign(kills, folder):
    """The campaign in a process of its own, since it forks and pytest's has threads."""
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import kill_campaign; "
        "print(kill_campaign.campaign(int(sys.argv[2]), 7, pathlib.Path(sys.argv[3])))"
    )
    command = [sys.executable, "-c", code, str(ROOT / "benchmarks"), str(kills), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return eval(done.stdout.splitlines()[-1])


def test_a_run_killed_at_any_moment_resumes_to_the_same_bits(tmp_path):
    record = campaign(6, tmp_path)
    assert record["kills"] == 6
    assert record["equal_runs"] == record["runs"] >= 1


@pytest.mark.slow
def test_two_hundred_kills_change_nothing(tmp_path):
    record = campaign(200, tmp_path)
    assert record["kills"] == 200
    assert record["equal_runs"] == record["runs"]


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_saves_the_step_in_hand_and_exits_cleanly(number, tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen([*TRAIN, "--out", out, "--steps", "100000"], stderr=subprocess.PIPE, text=True)
    journal = out / "journal.jsonl"
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"Stopped by {number.name} after step" in err
    assert "Traceback" not in err
    assert len(list(out.glob("checkpoints/*/state.json"))) == 1


@pytest.mark.slow
def test_a_killed_run_that_skips_updates_and_is_held_at_a_target_resumes_to_the_same_bits(tmp_path):
    settings = [
        *("training.checkpoint_every=20", "training.ema=0.99", "training.log_every=10", "training.skip.kind=quantile"),
        *(
            "training.skip.quantile=0.5",
            "training.skip.factor=1.05",
            "training.skip.window=20",
            "training.skip.patience=3",
        ),
        *("objective.kind=distortion_target", "objective.target=2", "objective.form=log_odds", "objective.start=4"),
    ]
    chosen = [argument for setting in settings for argument in ("--set", setting)]
    command = [sys.executable, "-m", "kelbo", "train", "digits", *chosen, "--steps", "800"]
    process = subprocess.Popen(
        [*command, "--out", tmp_path / "cut"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    run = Run(tmp_path / "cut")
    while not run.checkpoint_steps() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert 0 < run.checkpoint_steps()[-1] < 800
    for again in ([*command, "--out", run.path, "--resume"], [*command, "--out", tmp_path / "straight"]):
        subprocess.run(again, check=True, capture_output=True)
    ours, theirs = (Run(tmp_path / name).checkpoint(800) for name in ("cut", "straight"))
    skipped = load_file(ours / "training.safetensors")
    assert 0 < skipped["skips.applied"] < 800
    for path in ours.glob("*.safetensors"):
        one, another = load_file(path), load_file(theirs / path.name)
        assert one.keys() == another.keys()
        assert all(torch.equal(value, another[name]) for name, value in one.items()), path.name
