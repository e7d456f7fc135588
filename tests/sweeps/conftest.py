"""Small sweeps, and a place on the path from which spawned processes import the tests' jobs."""

import shutil
from pathlib import Path

import pytest
from tests.in_turn import work_off_in_turn

from kelbo.experiments import evaluate_run, open_run
from kelbo.recipes import change, find
from kelbo.runs import Sweep
from kelbo.sweeps.definition import prepare_sweep, train_lanes


@pytest.fixture
def queue_jobs(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import queue_jobs

    return queue_jobs


@pytest.fixture
def small():
    """A recipe that trains in a blink."""
    settings = ["model.network.width=16", "model.latents=3", "training.steps=12", "training.batch_size=32"]
    every = ["training.log_every=4", "training.checkpoint_every=4", "training.pictures_every=100"]
    return change(find("digits"), [*settings, *every])


SMALL = ["model.network.width=16", "model.latents=3", "training.steps=12", "training.batch_size=32"]
EVERY = ["training.log_every=4", "training.checkpoint_every=4", "training.pictures_every=100"]


def trained(over, seeds, out, *settings):
    laid = prepare_sweep(change(find("digits"), [*SMALL, *EVERY, *settings]), over, seeds, out)
    train_lanes(laid, work=work_off_in_turn)
    return laid.sweep


def evaluated(sweep, lane, **how):
    return evaluate_run(open_run(sweep.run(lane).path, device="cpu"), **how)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two settings, three seeds, every lane trained and evaluated; not to be written to."""
    sweep = trained(["objective.beta=0.5,1"], (1, 2, 3), tmp_path_factory.mktemp("table") / "whole")
    for lane in sweep.lanes:
        evaluated(sweep, lane)
    return sweep


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return trained(["objective.beta=1"], (1, 2), tmp_path_factory.mktemp("table") / "pair")


@pytest.fixture
def sweep(pair, tmp_path):
    """Two trained lanes of one setting."""
    return Sweep.open(Path(shutil.copytree(pair.path, tmp_path / "sweep")))
