"""What the journals of stacked lanes say, how often models are asked for it, and what many lanes hold open."""

import threading
from pathlib import Path

import pytest

from kelbo.distributed.fabric import Fabric
from kelbo.experiments import open_run
from kelbo.experiments.running import examples_of
from kelbo.recipes import build, change
from kelbo.runs import Run
from kelbo.sweeps import stacked_rows
from kelbo.sweeps.stacked import train_stacked
from kelbo.training import hooks
from kelbo.training.rows import read_out


@pytest.fixture
def brief(small):
    return change(small, ["training.steps=4", "training.log_every=2"])


def lanes(recipe, settings):
    return [change(recipe, [setting]) for setting in settings]


def train(recipes, folder, **how):
    folders = [folder / str(number) for number in range(len(recipes))]
    outcomes = train_stacked(recipes, folders, fabric=Fabric(accelerator="cpu", devices=1), **how)
    assert [outcome.error for outcome in outcomes] == [None] * len(recipes)
    return [Run.open(folder) for folder in folders]


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["likelihood.kind=per_pixel_gaussian"],
        ["likelihood.kind=bernoulli", "objective.kind=capacity"],
        ["data.split_seed=seed"],
        pytest.param(["data.size=16", "model.network.kind=burgess"], marks=pytest.mark.slow),
    ],
)
def test_a_lanes_row_says_what_its_weights_alone_say_to_the_last_bit(brief, settings, tmp_path):
    fabric, recipes = Fabric(accelerator="cpu", devices=1), lanes(change(brief, settings), ["seed=1", "seed=2"])
    for recipe, run in zip(recipes, train(recipes, tmp_path), strict=True):
        model, last = open_run(run.path, device="cpu").model, run.journal.last()
        found = read_out(model, examples_of(build.data(recipe), fabric))
        assert (last["sigma"], last["rmse"]) == (found.variance**0.5, found.error**0.5)
        assert last.get("floored") == found.floored
        assert last["beta"] is not None


def test_all_lanes_are_read_at_once_and_none_by_itself(brief, tmp_path, monkeypatch):
    asked, figures = [], stacked_rows.figures
    monkeypatch.setattr(stacked_rows, "figures", lambda *what: (asked.append(1), figures(*what))[1])
    monkeypatch.setattr(hooks, "read_out", None)
    monkeypatch.setattr(hooks, "weights", None)
    runs = train(lanes(brief, [f"objective.beta={beta}" for beta in (1, 2, 4, 4.5)]), tmp_path)
    assert [len(run.journal.rows()) for run in runs] == [2] * 4
    assert len(asked) == 2


def test_lanes_that_are_read_in_parts_say_the_same(brief, tmp_path, monkeypatch):
    recipes = lanes(brief, ["seed=1", "seed=2", "seed=3"])
    whole = train(recipes, tmp_path / "whole")
    monkeypatch.setattr(stacked_rows, "AT_A_TIME", 2 * 256 * 64)
    for one, other in zip(whole, train(recipes, tmp_path / "parts"), strict=True):
        assert [{**row, "images_per_second": 0} for row in one.journal] == [
            {**row, "images_per_second": 0} for row in other.journal
        ]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted by /proc")
def test_more_lanes_hold_no_more_threads_and_no_file_but_each_its_lock(brief, tmp_path):
    held = []

    def look(name, told):
        held.append((threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))))

    recipes = lanes(brief, [f"seed={seed}" for seed in range(6)])
    train(recipes, tmp_path, watch=look)
    first, most = held[0], tuple(map(max, zip(*held, strict=True)))
    assert most[0] == first[0]
    assert most[1] - first[1] <= len(recipes) + 2
