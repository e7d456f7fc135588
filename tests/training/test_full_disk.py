"""A disk that is full while a checkpoint is written."""

import os
import subprocess
import sys

from kelbo.runs import Run
from kelbo.training.checkpoint import newest

CODE = """
import resource, sys
from pathlib import Path
from kelbo.errors import NotSaved
from kelbo.recipes import change, find
from kelbo.experiments import train

recipe = change(find("digits"), ["training.steps=9", "training.checkpoint_every=3", "training.pictures_every=100"])
limit = resource.RLIMIT_FSIZE

def fill(state, bound, loss):  # from now on no file may grow beyond 100 kB, as on a full disk
    if state.step == 4:
        resource.setrlimit(limit, (100_000, resource.RLIM_INFINITY))

try:
    train(recipe, Path(sys.argv[1]), hooks=[fill])
except NotSaved as error:
    print(error)
resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
train(recipe, Path(sys.argv[1]), resume=True)
"""


def test_a_full_disk_leaves_the_checkpoint_before_and_no_rubbish_and_the_run_goes_on(tmp_path):
    out = tmp_path / "run"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", CODE, out], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "The checkpoint of step 6 could not be written to" in done.stdout
    assert "The checkpoint of step 3 is kept in" in done.stdout
    assert "Make room and resume the run." in done.stdout
    run = Run.open(out)
    assert newest(run) == run.checkpoint(9)
    assert not list(out.rglob(".*partial*"))
