"""`kelbo sweep` as a user meets it: a whole sweep and its table, what is refused and how, and Ctrl-C."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kelbo.recipes import find
from kelbo.sweeps import choice
from kelbo.sweeps.definition import prepare_sweep

SMALL = [
    *("--set", "model.network.width=16"),
    *("--set", "model.latents=3"),
    *("--set", "training.log_every=2"),
    *("--steps", 4),
]
OVER = ["--over", "objective.beta=0.5,4"]


def test_a_sweep_is_trained_resumed_and_told_as_a_table(kelbo, tmp_path):
    out = tmp_path / "s"
    code, told, _ = kelbo("sweep", "digits", *OVER, "--seeds", "1,2", "--out", out, "--how", "stack", *SMALL)
    assert code == 0
    assert told.startswith("digits: 1,617 train images (the rest), 180 test images (0.1 held out by seed 0)\n")
    assert "4 lanes, stacked as one program" in told
    assert "[4/4] beta=4,seed=2 · done in" in told
    assert f"next: kelbo sweep table {out}" in told
    before = {path: path.stat().st_mtime_ns for path in (out / "lanes").rglob("*")}
    code, told, _ = kelbo("sweep", "--resume", "--out", out)
    assert (code, "4 of 4 lanes are finished already" in told) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in (out / "lanes").rglob("*")} == before
    code, told, _ = kelbo("sweep", "table", out)
    assert code == 0
    assert "mean ± sd" in told
    with (out / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["objective.beta"], row["seed"]) for row in rows} == {
        ("0.5", "1"),
        ("0.5", "2"),
        ("4.0", "1"),
        ("4.0", "2"),
    }
    assert all(float(row["value"]) < 0 for row in rows if row["quantity"] == "elbo")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--over", "objective.bta=1,2"], "no setting objective.bta"),
        (["--over", "nothing.at.all=1,2"], "no setting nothing"),
        ([*OVER, "--seeds", ""], "whole numbers"),
        ([*OVER, "--seeds", "1,1"], "same run"),
        (["--over", "model.latents=2,3", "--how", "stack"], "model.latents is 2"),
    ],
)
def test_a_users_mistake_is_one_message_and_no_lane(kelbo, tmp_path, arguments, message):
    code, _, err = kelbo("sweep", "digits", "--out", tmp_path / "s", *SMALL, *arguments)
    assert code == 2
    assert message in err
    assert not (tmp_path / "s" / "lanes").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--how", "stack", "--workers", "2"], "--how queue, --workers N"),
        (["--on", "slurm"], "ray:ADDRESS"),
        (["--on", "ray:"], "ray:ADDRESS"),
        (["--on", "ray:host", "--workers", "2"], "(options: --on ray, --workers N)"),
        (["--on", "ray", "--how", "stack"], "(options: --on ray, --how queue)"),
        (["--cpus-per-lane", "2"], "(2)"),
        (["--how", "stack", "--gpus-per-lane", "0.5"], "(0.5)"),
        (["--on", "ray", "--cpus-per-lane", "0"], "got 0"),
        (["--on", "ray", "--cpus-per-lane", "nan"], "got nan"),
        (["--on", "ray", "--gpus-per-lane", "2"], "(options: --gpus-per-lane N)"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_a_folder_is_made(kelbo, tmp_path, options, message):
    code, _, err = kelbo("sweep", "digits", "--out", tmp_path / "s", *SMALL, *OVER, *options)
    assert (code, message in err) == (2, True)
    assert not (tmp_path / "s").exists()


def test_another_sweeps_folder_is_refused_and_its_recipe_told_apart(kelbo, tmp_path):
    begin = ["sweep", "digits", *OVER, "--out", tmp_path / "s", "--how", "stack", *SMALL]
    assert kelbo(*begin)[0] == 0
    code, _, err = kelbo(*begin)
    assert (code, "exists already" in err) == (2, True)
    code, _, err = kelbo(*begin, "--resume", "--set", "model.latents=4")
    assert (code, "model.latents: 3 → 4" in err) == (2, True)


def test_without_arguments_it_is_said_how_a_sweep_is_begun(kelbo):
    code, told, err = kelbo("sweep")
    assert code == kelbo("data")[0] == 2
    assert "Missing command" not in told + err
    assert "kelbo sweep digits --over objective.beta=0.5,4 --seeds 1,2" in told + err


def test_a_sweep_that_is_being_run_is_refused_before_speeds_are_probed(kelbo, tmp_path, monkeypatch):
    laid = prepare_sweep(find("digits"), [OVER[1]], [1, 2], tmp_path / "s")
    monkeypatch.setattr(choice, "choose", lambda *_, **__: pytest.fail("speeds were probed"))
    with laid.sweep.held():
        code, _, err = kelbo("sweep", "--resume", "--out", tmp_path / "s")
    assert (code, f"is being run by process {os.getpid()}" in err) == (1, True)


def test_diverged_lanes_are_left_alone_with_a_word_on_how_to_retry_them(kelbo, tmp_path):
    out, rates = tmp_path / "s", ["--over", "optimizer.learning_rate=1e30,1e-3"]
    code, _, err = kelbo("sweep", "digits", *rates, "--seeds", "1", "--out", out, "--how", "stack", *SMALL)
    assert code == 1
    assert "(options: --resume, --retry-diverged)" in err
    code, told, err = kelbo("sweep", "--resume", "--out", out)
    assert "1 of 2" in told
    assert "--retry-diverged" in told
    assert "lane, " not in told  # nothing was trained
    assert (code, "[learning_rate=1e30,seed=1: " in err) == (1, True)
    code, told, _ = kelbo("sweep", "--resume", "--out", out, "--how", "stack", "--retry-diverged")
    assert (code, "1 lane, stacked as one program" in told) == (1, True)
    assert "[1/1] learning_rate=1e30,seed=1 · Divergence: " in told


@pytest.mark.slow
def test_ctrl_c_while_processes_start_is_one_message(tmp_path):
    arguments = ["sweep", "digits", *OVER, "--how", "queue", "--workers", 2, "--out", tmp_path / "s", *SMALL]
    command = [sys.executable, "-m", "kelbo", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 60
    while not any("spawn_main" in line for line in commands_below(process.pid)):
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.3)  # they load PyTorch now
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "SIGINT: 0 of 2" in err
    assert "(options: --resume)" in err


def commands_below(parent):
    """Command lines of a process's children."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    for child in children.read_text().split() if children.exists() else ():
        yield Path(f"/proc/{child}/cmdline").read_text()
