"""The course of a study: its messages, its timing, and how it is continued after an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from kelbo.errors import Interrupted, NotSaved
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies.study_lanes import require_written
from kelbo.sweeps.jobs import Job, Watch, ignore_reports
from kelbo.sweeps.queue import work_off

Watching = Callable[[int], AbstractContextManager[Watch]]
"""Opens the display for this number of jobs."""
Say = Callable[[str], None]


def quietly(_jobs: int) -> AbstractContextManager[Watch]:
    """A Watching that shows nothing."""
    return nullcontext(ignore_reports)


@contextmanager
def saying_how_to_continue() -> Iterator[None]:
    """Add to an interruption how the study is continued."""
    try:
        yield
    except Interrupted as error:
        raise Interrupted(f"{error} The same command continues it.") from error


@contextmanager
def timed(study: Study, part: str) -> Iterator[None]:
    """The time inside the block is added to that of a part of the study."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        study.spend(part, time.perf_counter() - begun)


def measure(study: Study, jobs: list[Job], workers: int | None, say: Say, watching: Watching) -> dict[str, str]:
    """Run the jobs that measure, named "measure THING". Returns by name why something could not be measured completely.

    NotSaved if the disk is full, Interrupted after a signal.
    """
    if not jobs:
        return {}
    say(f"measuring: {len(jobs)} jobs")
    with timed(study, "measuring"), watching(len(jobs)) as watch:
        outcomes = require_written(work_off(jobs, watch=watch, log=study.log, workers=workers))
    faults = {outcome.name.removeprefix("measure "): outcome.error for outcome in outcomes if outcome.error}
    for name, error in faults.items():
        say(f"{name} was not measured completely: {error}")
    return faults


def save_results(study: Study, results: dict[str, Any]) -> None:
    """Replace results.json. NotSaved if it cannot be written."""
    try:
        study.save_results(results)
    except OSError as error:
        raise NotSaved(f"The results could not be written to {study.path}: {error}. Make room and retry.") from error
