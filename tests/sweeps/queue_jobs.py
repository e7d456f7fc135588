"""Jobs for the queue's tests, in a module that spawned processes can import."""

import os
import signal
import time
from pathlib import Path

from kelbo.errors import Divergence, Interrupted, NotSaved
from kelbo.sweeps.ray_machine import Lines


def square(number, *, tell):
    tell({"step": 1, "steps": 1})
    print(f"squaring {number}")
    return number * number


def threads(*, tell):
    import torch

    return os.environ["OMP_NUM_THREADS"], torch.get_num_threads()


def count(folder):
    """How often this was called with the folder, this time included."""
    marks = len(list(Path(folder).glob("attempt-*"))) + 1
    (Path(folder) / f"attempt-{marks}").touch()
    return marks


def die_at_first(folder, *, tell):
    if count(folder) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def fail_always(folder, *, tell):
    count(folder)
    raise ValueError("seven is not six")


def diverge(folder, *, tell):
    count(folder)
    raise Divergence("At step 3 the loss was nan.")


def meet_a_full_disk(*, tell):
    raise NotSaved("The checkpoint of step 5 could not be written.")


def fail_once_there_is(path, *, tell):
    while not Path(path).exists():
        time.sleep(0.01)
    raise ValueError("eight is not six")


def hear_nothing(*, tell):
    tell({"step": 1, "steps": 2})
    time.sleep(60)


def never_stop(folder, *, tell):
    signal.signal(signal.SIGTERM, lambda *_: (Path(folder) / "asked").touch())
    (Path(folder) / "waiting").touch()
    while True:
        time.sleep(0.01)


def wait_for_a_signal(folder, *, tell):
    """Saves when it is told to stop, as training does."""
    caught = []
    signal.signal(signal.SIGTERM, lambda number, _: caught.append(number))
    (Path(folder) / "waiting").touch()
    while not caught:
        time.sleep(0.01)
    (Path(folder) / "saved").touch()
    raise Interrupted("Stopped by SIGTERM, which is saved.")


class SlowToHear(Lines):
    """What jobs tell Ray; the first word is heard late, as on a busy machine."""

    heard = False

    def tell(self, name, line):
        if not self.heard:
            self.heard = True
            time.sleep(1.8)
        super().tell(name, line)
