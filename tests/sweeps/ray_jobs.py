"""Jobs for the tests on Ray, in a module that its workers can import."""

import os
import signal
import time
from pathlib import Path

from kelbo.sweeps.lane import train_lane


def train_and_die_once(recipe, folder, at, *, tell):
    """A lane whose process is killed after step `at` of its first attempt; each attempt leaves its steps in a file."""
    attempts = len(list(folder.parent.glob("*.steps")))
    with (folder.parent / f"{attempts}.steps").open("a") as file:

        def after(state, values):
            file.write(f"{state.step}\n")
            file.flush()
            if attempts == 0 and state.step == at:
                os.kill(os.getpid(), signal.SIGKILL)

        train_lane(recipe, folder, tell=tell, hooks=[after])


def train_slowly(recipe, folder, *, tell):
    """A lane of which each step takes a while; each attempt leaves the number of its process."""
    folder.parent.mkdir(exist_ok=True)
    (folder.parent / f"{len(list(folder.parent.glob('*.process')))}.process").write_text(f"{os.getpid()}")
    train_lane(recipe, folder, tell=tell, hooks=[lambda *_: time.sleep(0.02)])


def where(*, tell):
    return os.environ.get("KELBO_DATA"), str(Path.cwd())


def accelerator(*, tell):
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def rest(seconds, *, tell):
    time.sleep(seconds)


def meet(folder, others, *, tell):
    """Waits until so many processes are there."""
    (folder / f"{os.getpid()}").touch()
    while len(list(folder.iterdir())) < others:
        time.sleep(0.02)


def ended(seconds, *, tell):
    """When it ended."""
    time.sleep(seconds)
    return time.time()
