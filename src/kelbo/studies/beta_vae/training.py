"""The study's lanes: trained by one queue over all of its sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.errors import NotSaved, RunError
from kelbo.machine import find_device
from kelbo.recipes.files import differences, parse_text
from kelbo.recipes.follow import follow
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run, Sweep
from kelbo.runs.study import Study
from kelbo.studies.beta_vae.features import Features
from kelbo.studies.beta_vae.plan import LanePlan, Plan, SweepPlan
from kelbo.sweeps.jobs import Job, Outcome, Watch, unheard
from kelbo.sweeps.lane import Tell, finished, train_lane
from kelbo.sweeps.queue import work_off
from kelbo.sweeps.sweep import lay, status_of
from kelbo.training import every


class Reading(NamedTuple):
    """Distances that a lane reads while it trains: through which network, of how many images of a split, how often."""

    features: Features
    images: int
    readings: int
    split: str
    sampled: bool


class Entry(NamedTuple):
    """A lane of the study: its place, which may not be there yet, and how it stands."""

    plan: SweepPlan
    lane: LanePlan
    sweep: Sweep

    @property
    def run(self) -> Run:
        return self.sweep.run(self.lane.name)

    @property
    def title(self) -> str:
        return f"{self.plan.name}/{self.lane.name}"

    @property
    def steps(self) -> int:
        """Of the newest checkpoint."""
        return max(self.run.checkpoint_steps(), default=0)

    @property
    def state(self) -> tuple[str, str | None]:
        """ "done", "diverged" or "failed", and why."""
        if self.plan.steps in self.run.checkpoint_steps():
            return "done", None
        told = self.sweep.status(self.lane.name) or {}
        return ("diverged" if told.get("state") == "diverged" else "failed"), told.get("error") or "not begun"


def entries_of(plan: Plan, study: Study) -> list[Entry]:
    """Every lane that the plan asks for. Nothing is written."""
    return [Entry(sweep, lane, Sweep(study.sweep(sweep.name))) for sweep in plan.sweeps for lane in sweep.lanes()]


def require_same_sweeps(plan: Plan, study: Study) -> None:
    """RunError where a sweep lies there that was laid out for other recipes: its lanes are no lanes of this plan."""
    for planned in plan.sweeps:
        sweep = Sweep(study.sweep(planned.name))
        if not sweep.definition_path.exists():
            continue
        before = parse_text(Sweep.open(sweep.path).definition()["recipe"], sweep.definition_path)
        if changed := differences(before, planned.recipe):
            raise RunError(
                f"The lanes in {sweep.path} are of another recipe: {'; '.join(changed[:4])}. Where official files have come or "
                "gone, name by --data-root where they were; or choose another --out."
            )


def lay_out(plan: Plan, study: Study) -> dict[str, Recipe]:
    """Make or find the sweeps' folders; every lane's recipe by its title. RunError where one holds another sweep."""
    recipes = {}
    for sweep in plan.sweeps:
        laid = lay(sweep.recipe, sweep.over, sweep.seeds, study.sweep(sweep.name), resume=True)
        recipes |= {f"{sweep.name}/{lane.name}": lane.recipe for lane in laid.lanes}
    return recipes


def unfinished(entries: Sequence[Entry]) -> list[Entry]:
    """The lanes that have steps to do. One that diverged would diverge again, so it is left as it is."""
    return [entry for entry in entries if entry.state[0] == "failed"]


def train(plan: Plan, study: Study, *, watch: Watch = unheard, workers: int | None = None) -> list[Outcome]:
    """Train what is unfinished; how each lane ended is kept in its sweep's folder. The others' outcomes follow.

    RunError where a folder holds another sweep or another process runs it, NotSaved where the disk is full, Interrupted
    after a signal, once what was running is saved.
    """
    recipes = lay_out(plan, study)
    todo = {entry.title: entry for entry in unfinished(entries_of(plan, study))}

    def keep(title: str, told: dict[str, Any]) -> None:
        if told.get("state") in ("done", "failed"):
            with suppress(OSError):  # a full disk, of which the lane's own error speaks
                todo[title].sweep.save_status(todo[title].lane.name, status_of(told))
        watch(title, told)

    def log(title: str) -> Path:
        return todo[title].sweep.log(todo[title].lane.name)

    with ExitStack() as held:
        for sweep in {entry.plan.name: entry.sweep for entry in todo.values()}.values():
            held.enter_context(sweep.held())
        jobs = [_job(plan, entry, recipes[title]) for title, entry in todo.items()]
        return require_written(work_off(jobs, watch=keep, log=log, workers=workers))


def require_written(outcomes: list[Outcome]) -> list[Outcome]:
    """NotSaved where some job could not write: the same would befall the others."""
    halted = [outcome for outcome in outcomes if outcome.kind in ("NotSaved", "NotBegun")]
    if halted:
        first = min(halted, key=lambda outcome: outcome.kind == "NotBegun")
        raise NotSaved(f"{first.name}: {first.error}")
    return outcomes


def _job(plan: Plan, entry: Entry, recipe: Recipe) -> Job:
    arguments = recipe, entry.run.path
    features = plan.features.get(entry.plan.part.role)
    if features is None:
        return Job(entry.title, train_lane, arguments)
    reading = Reading(features, plan.budget.followed, plan.budget.readings, plan.split, plan.as_published)
    return Job(entry.title, train_followed, (*arguments, reading))


def train_followed(recipe: Recipe, folder: Path, reading: Reading, *, tell: Tell) -> None:
    """`train_lane`, and distances of images are read on the way."""
    if finished(recipe, folder):
        return
    network = reading.features.open(find_device(None))
    hook = follow(recipe, Run(folder), network, reading.images, split=reading.split, sampled=reading.sampled)
    interval = max(1, recipe.training.steps // reading.readings)
    train_lane(recipe, folder, tell=tell, hooks=[every(interval, hook)])
