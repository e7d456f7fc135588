"""How a worker of the Ray cluster runs a job."""

from __future__ import annotations

import importlib
import os
import platform
import time
import traceback
from collections.abc import Mapping
from contextlib import chdir, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch

from kelbo.errors import KelboError
from kelbo.shortage import memory_for
from kelbo.sweeps.jobs import Failure, Job, failure_of
from kelbo.sweeps.ray_machine import Line
from kelbo.sweeps.worker import output_in

TELL_EVERY = 0.25
"""seconds between two lines of one job; reports in between are merged into one"""
CONFIRMED = 2.0
"""seconds after which a job starts although nobody confirmed its announcement"""


class Ended(NamedTuple):
    """How a job ended. begun: the line that announced its start; seconds: its own run time; both None if its process died."""

    value: Any = None
    failure: Failure | None = None
    begun: Line | None = None
    seconds: float | None = None


def work(
    job: Job, log: Path | None, attempt: int, threads: int, place: tuple[Path, Mapping[str, str]], lines: Any
) -> Ended:
    """A job's value, or how it failed; runs in a worker's main thread, where training receives signals.

    place: the folder that relative paths start from, and the environment variables that kelbo reads.
    """
    begun = {"state": "begun", "attempt": attempt, "machine": platform.node(), "process": os.getpid()}
    since = time.perf_counter()
    try:
        torch.set_num_threads(threads)
        _say(lines, job.name, begun)
        folder, variables = place
        os.environ.update(variables)
        with chdir(folder) if folder.is_dir() else nullcontext(), output_in(log):
            value, failure = _value(job, _Telling(job.name, lines))
    except KeyboardInterrupt:  # before the first step, after which training could save
        value, failure = None, Failure("stopped before its first step", "Interrupted", final=False, fatal=False)
    return Ended(value, failure, begun, time.perf_counter() - since)


def _say(lines: Any, name: str, begun: Line) -> None:
    """Announce that a job starts and wait for the confirmation: the process may die before it can announce it again.

    Not by `ray.get` or `ray.wait`: Ray gives the processors of a worker that waits in one to another job.
    """
    ray = importlib.import_module("ray")
    with suppress(ray.exceptions.RayError, TimeoutError):
        lines.tell.remote(name, begun).future().result(timeout=CONFIRMED)


def _value(job: Job, telling: _Telling) -> tuple[Any, Failure | None]:
    try:
        with memory_for(f"the job {job.name}", "Let fewer jobs share a machine.", ("cpus",)):
            return job.call(*job.arguments, tell=telling), None
    except Exception as error:
        if not isinstance(error, KelboError):
            traceback.print_exc()
        return None, failure_of(error)


class _Telling:
    """A job's `tell`. A report that nobody receives does not fail the job."""

    def __init__(self, name: str, lines: Any) -> None:
        self.name, self.lines = name, lines
        self.waiting: Line = {}
        self.last = 0.0

    def __call__(self, report: Line) -> None:
        self.waiting |= report
        if time.monotonic() - self.last >= TELL_EVERY:
            self.lines.tell.remote(self.name, self.waiting)
            self.waiting, self.last = {}, time.monotonic()
