"""A disk that is full while a checkpoint is written."""

import resource
from contextlib import contextmanager

import pytest

from kelbo.errors import NotSaved
from kelbo.experiments import train
from kelbo.recipes import change, find
from kelbo.runs import Run
from kelbo.training.checkpoint import newest


@contextmanager
def limit_of_files():
    """A function that keeps files from growing beyond so many bytes, as a full disk does, until the block ends."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_checkpoint_before_and_no_rubbish_and_the_run_goes_on(tmp_path):
    recipe = change(find("digits"), ["training.steps=9", "training.checkpoint_every=3", "training.pictures_every=100"])
    run = Run(tmp_path / "run")
    with limit_of_files() as limit:

        def fill(state, *_):
            if state.step == 4:
                limit(100_000)

        with pytest.raises(NotSaved, match=r"step 6\b.*step 3\b"):
            train(recipe, run.path, hooks=[fill])
    assert run.checkpoint_steps() == [3]
    train(recipe, run.path, resume=True)
    assert newest(run) == run.checkpoint(9)
    assert not list(run.path.rglob(".*partial*"))
