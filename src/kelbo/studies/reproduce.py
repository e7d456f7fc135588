"""The β-VAE study from its plan to its page, in a folder that can be gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from kelbo.runs.study import Study
from kelbo.studies.estimate import Estimate, estimate, probe
from kelbo.studies.plan import Plan
from kelbo.studies.training import entries_of, train, unfinished
from kelbo.sweeps.jobs import Watch, unheard
from kelbo.sweeps.queue import workers_here

Watching = Callable[[int], AbstractContextManager[Watch]]
"""Opens the display of so many jobs."""
Say = Callable[[str], None]


def quietly(_jobs: int) -> AbstractContextManager[Watch]:
    """A Watching that shows nothing."""
    return nullcontext(unheard)


def begin(plan: Plan, out: Path) -> Study:
    """The study's folder, made or found. RunError where it is another study's or something else."""
    definition = {"study": "beta-vae", "budget": plan.budget.name, "mode": plan.mode}
    return Study.begin(out, definition, list(plan.budget.steps))


def reproduce(
    plan: Plan,
    out: Path,
    *,
    workers: int | None = None,
    say: Say = lambda _: None,
    watching: Watching = quietly,
) -> Path:
    """Train and measure what `plan` asks for in the folder `out`, or what is left of it, and return the page.

    workers: processes, by default what the machine has. say: hears what is done, in lines. A lane that diverges or fails is
    told of in the results and the page. RunError where `out` holds another study or is being worked on; NotSaved where the
    disk is full; Interrupted after a signal: what is done is kept, and the same call goes on.
    """
    study = begin(plan, out)
    with study.held():
        entries = entries_of(plan, study)
        todo = unfinished(entries)
        if len(todo) < len(entries):
            say(f"{len(entries) - len(todo)} of {len(entries)} lanes are finished already")
        with _timed(study, "training"), watching(len(todo)) as watch:
            train(plan, study, watch=watch, workers=workers)
    return study.results_path


def expected(plan: Plan, out: Path, workers: int | None = None) -> Estimate:
    """About how long what is left of the study in `out` takes here. Nothing is written."""
    count = workers or workers_here(2**10)
    return estimate(plan, entries_of(plan, Study(out)), probe(plan, workers), count)


@contextmanager
def _timed(study: Study, part: str) -> Iterator[None]:
    begun = time.perf_counter()
    try:
        yield
    finally:
        study.spend(part, time.perf_counter() - begun)
