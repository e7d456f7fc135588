"""The study's lanes and how they are trained: some read distances of images on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.distributed.fabric import find_device
from kelbo.errors import RunError
from kelbo.experiments.follow import follow
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run, Sweep
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies import study_lanes as lanes
from kelbo.studies.beta_vae.plan import LanePlan, Plan, SweepPlan
from kelbo.studies.study_features import Features
from kelbo.studies.study_lanes import train_entries
from kelbo.sweeps.engines import How
from kelbo.sweeps.jobs import Job, Outcome, Watch, ignore_reports
from kelbo.sweeps.lane import Tell, finished, train_lane
from kelbo.training import every


class Reading(NamedTuple):
    """Distances that a lane reads while it trains: through which network, of how many images of a split, how often."""

    features: Features
    images: int
    readings: int
    split: str
    sampled: bool

    def made(self, told: Mapping[str, Any]) -> bool:
        """Whether a run's distances are these: through this network, resized as here, of these images in this way."""
        network = told.get("network", {})
        through = (network.get("weights"), network.get("resize") == "legacy")
        of = tuple(told.get(name) for name in ("images", "split", "sampled"))
        return through == (self.features.weights, self.features.legacy) and of == (
            self.images,
            self.split,
            self.sampled,
        )


def reading_of(plan: Plan, role: str) -> Reading | None:
    """What lanes of that role read; None where there is no network for their images."""
    features = plan.features.get(role)
    if features is None:
        return None
    return Reading(features, plan.budget.followed, plan.budget.readings, plan.split, plan.as_published)


@dataclass(frozen=True)
class Entry(lanes.Entry):
    """A lane of the plan."""

    plan: SweepPlan
    lane: LanePlan


def entries_of(plan: Plan, study: Study) -> list[Entry]:
    """Every lane that the plan asks for. Nothing is written."""
    return [
        Entry(Sweep(study.sweep(sweep.name)), lane.name, sweep.steps, sweep, lane)
        for sweep in plan.sweeps
        for lane in sweep.lanes()
    ]


def require_same_sweeps(plan: Plan, study: Study) -> None:
    """RunError where a sweep lies there that was laid out for other recipes, or on images that are not there any more."""
    laid = [name for name in plan.budget.steps if Sweep(study.sweep(name)).definition_path.exists()]
    sweeps, left_out = plan.whole(laid)  # a sweep that is not there yet may be of any images
    lanes.require_same_sweeps({study.sweep(sweep.name): sweep.recipe for sweep in sweeps})
    for name, why in left_out:
        raise RunError(
            f"{study.sweep(name)} was trained on images that are not found now: {why}. Name by --data-root where they were."
        )
    for sweep in sweeps:
        runs = (Sweep(study.sweep(sweep.name)).run(lane.name) for lane in sweep.lanes())
        known = [run.provenance()["data"]["splits"]["train"]["images"] for run in runs if run.provenance_path.exists()]
        if sweep.source.kind == "files" and known and known[0] != sweep.source.images:
            raise RunError(
                f"The lanes in {study.sweep(sweep.name)} are of {known[0]:,} images; there are now {sweep.source.images:,}. "
                "Name by --data-root where the old ones are, or choose another --out."
            )


def train(
    plan: Plan,
    study: Study,
    todo: Sequence[Entry],
    *,
    watch: Watch = ignore_reports,
    workers: int | None = None,
    how: How = "auto",
) -> list[Outcome]:
    """Train these lanes. Raises as `train_entries` does, and RunError where a folder holds another sweep."""
    recipes = lanes.lay_out(plan.sweeps, study)
    jobs = [(entry, _job(plan, entry, recipes[entry.title])) for entry in todo]
    return train_entries(study, jobs, watch=watch, workers=workers, how=how)


def _job(plan: Plan, entry: Entry, recipe: Recipe) -> Job:
    arguments = recipe, entry.run.path
    reading = reading_of(plan, entry.plan.part.role)
    if reading is None:
        return Job(entry.title, train_lane, arguments)
    return Job(entry.title, train_followed, (*arguments, reading))


def train_followed(recipe: Recipe, folder: Path, reading: Reading, *, tell: Tell) -> None:
    """`train_lane`, and distances of images are read on the way."""
    if finished(recipe, folder):
        return
    network = reading.features.open(find_device(None))
    hook = follow(recipe, Run(folder), network, reading.images, split=reading.split, sampled=reading.sampled)
    interval = max(1, recipe.training.steps // reading.readings)
    train_lane(recipe, folder, tell=tell, hooks=[every(interval, hook)])
