"""Runs that are killed or asked to stop."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
