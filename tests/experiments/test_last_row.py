"""The last row of a run whose last step is no multiple of its interval."""

import os
import signal

import pytest

from kelbo.experiments import train
from kelbo.recipes import change, find

SETTINGS = ["model.network.width=16", "model.latents=3", "training.steps=10", "training.batch_size=32"]
EVERY = ["training.log_every=4", "training.checkpoint_every=5", "training.pictures_every=100"]


@pytest.fixture
def recipe():
    return change(find("digits"), [*SETTINGS, *EVERY])


def at(step, action):
    return lambda state, *_: action() if state.step == step else None


def rows(run):
    return [(row["step"], row["elbo"]) for row in run.journal.rows()]


def test_a_run_stopped_at_its_very_last_step_has_its_last_row(recipe, tmp_path):
    whole = train(recipe, tmp_path / "whole")
    cut = train(recipe, tmp_path / "cut", hooks=[at(10, lambda: os.kill(os.getpid(), signal.SIGTERM))])
    assert rows(cut) == rows(whole)
    assert [step for step, _ in rows(whole)] == [4, 8, 10]


class Killed(BaseException):
    """Ends a run as a kill would: nothing catches it."""


def test_a_run_killed_after_the_checkpoint_of_its_last_step_has_its_last_row(recipe, tmp_path):
    def kill():
        raise Killed

    whole = train(recipe, tmp_path / "whole")
    with pytest.raises(Killed):
        train(recipe, tmp_path / "cut", hooks=[at(10, kill)])
    assert rows(train(recipe, tmp_path / "cut", resume=True)) == rows(whole)
