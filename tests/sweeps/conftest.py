"""Small sweeps, and a place on the path from which spawned processes import the tests' jobs."""

from pathlib import Path

import pytest

from kelbo.recipes import change, find


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
