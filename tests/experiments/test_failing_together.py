"""What goes wrong in one of two processes ends both soon, with one message and one exit code."""

import os
import subprocess
import sys
import time

import pytest

from kelbo.runs import Run

CODE = """
import os, resource, signal, sys
from pathlib import Path

import kelbo.cli.main as command
from kelbo.cli.launching import launch
from kelbo.errors import DataCorrupt
from kelbo.recipes import change, find
from kelbo.experiments import train

fault, rank, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
settings = ["training.steps=40", "training.checkpoint_every=6", "training.pictures_every=100", "training.log_every=100"]

def no_more_room():  # from now on no file may grow beyond 100 kB, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

def break_weights(state):
    for parameter in state.network.parameters():
        parameter.data.fill_(float("nan"))

def corrupt(_):
    raise DataCorrupt("image 17 cannot be read")

FAULTS = {
    "disk": lambda _: no_more_room(),
    "weights": break_weights,
    "image": corrupt,
    "killed": lambda _: os.kill(os.getpid(), signal.SIGKILL),
}

def main():
    fabric = launch("cpu", 2, 1)

    def fail(state, values):
        if fabric.global_rank == rank and state.step == 8:
            FAULTS[fault](state)

    train(change(find("digits"), settings), out, fabric=fabric, hooks=[fail])

command.app = main
command.main()
"""


def failed(tmp_path, fault, rank):
    """The run, its exit code and its errors, of two processes one of which meets a fault after step 8."""
    out, script, begun = tmp_path / "run", tmp_path / "fails.py", time.monotonic()
    script.write_text(CODE)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, script, fault, str(rank), out]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert time.monotonic() - begun < 60
    return Run.open(out), done.returncode, [line for line in done.stderr.splitlines() if "rror" in line]


@pytest.mark.slow
def test_a_number_that_is_not_finite_in_one_process(tmp_path):
    _, code, errors = failed(tmp_path, "weights", 1)
    assert code == 1
    assert len(errors) == 1
    assert errors[0].startswith("error: At step 9 the distortion was nan. The checkpoint of step 6 is kept in")


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_while_the_other_waits_in_a_collective_operation(tmp_path, rank):
    _, code, errors = failed(tmp_path, "image", rank)
    assert code == 1
    assert errors == ["error: image 17 cannot be read"]


@pytest.mark.slow
def test_a_disk_that_is_full_for_the_first_process_leaves_the_checkpoint_before(tmp_path):
    run, code, errors = failed(tmp_path, "disk", 0)
    assert code == 1
    assert len(errors) == 1
    assert "The checkpoint of step 12 could not be written to" in errors[0]
    assert run.checkpoint_steps() == [6]
    assert not list(run.path.rglob(".*partial*"))


@pytest.mark.slow
def test_a_process_that_is_killed_takes_the_other_with_it(tmp_path):
    _, code, errors = failed(tmp_path, "killed", 1)
    assert code in (1, -9)  # whether the other one or the launcher notices first
    if code == 1:
        assert len(errors) == 1
        assert errors[0].startswith("error: One of the 2 processes ended without an error")


@pytest.mark.slow
def test_a_mistake_is_told_once(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("not a run")
    command = [sys.executable, "-m", "kelbo", "train", "digits", "--out", tmp_path / "run", "--devices", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--accelerator", "cpu"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1
    assert f"{tmp_path / 'run'} exists already" in done.stderr
