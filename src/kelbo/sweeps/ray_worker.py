"""What a worker of the Ray cluster does with a job."""

from __future__ import annotations

import importlib
import os
import platform
import time
import traceback
from collections.abc import Mapping
from contextlib import chdir, nullcontext, suppress
from pathlib import Path
from typing import Any

import torch

from kelbo.errors import KelboError
from kelbo.sweeps.jobs import Failure, Job, failure_of
from kelbo.sweeps.ray_machine import Line
from kelbo.sweeps.worker import _output_in

TELL_EVERY = 0.25
"""seconds between two lines of one job; what it tells in between is put into one"""


def work(
    job: Job, log: Path | None, attempt: int, threads: int, place: tuple[Path, Mapping[str, str]], lines: Any
) -> tuple[Any, Failure | None]:
    """A job's value, or how it failed; runs in a worker's main thread, where training hears of signals.

    place: the folder that relative paths are meant from, and the environment's variables that kelbo reads.
    """
    try:
        torch.set_num_threads(threads)
        telling = _Telling(job.name, lines)
        telling.begin(attempt)
        folder, variables = place
        os.environ.update(variables)
        with chdir(folder) if folder.is_dir() else nullcontext(), _output_in(log):
            return _value(job, telling)
    except KeyboardInterrupt:  # between two jobs' beginnings, or while data are built
        return None, Failure("stopped before its first step", "Interrupted", final=False, fatal=False)


def _value(job: Job, telling: _Telling) -> tuple[Any, Failure | None]:
    try:
        return job.call(*job.arguments, tell=telling), None
    except Exception as error:
        if not isinstance(error, KelboError):
            traceback.print_exc()
        return None, failure_of(error)


class _Telling:
    """A job's `tell`. That nobody hears it is no reason to fail a job."""

    def __init__(self, name: str, lines: Any) -> None:
        self.name, self.lines = name, lines
        self.waiting: Line = {}
        self.last = 0.0

    def begin(self, attempt: int) -> None:
        """Say that the job has begun, and wait until it was heard, so that its end is not told first."""
        ray = importlib.import_module("ray")
        line = {"state": "begun", "attempt": attempt, "machine": platform.node(), "process": os.getpid()}
        with suppress(ray.exceptions.RayError):
            ray.get(self.lines.tell.remote(self.name, line), timeout=10)

    def __call__(self, told: Line) -> None:
        self.waiting |= told
        if time.monotonic() - self.last >= TELL_EVERY:
            self.lines.tell.remote(self.name, self.waiting)
            self.waiting, self.last = {}, time.monotonic()
