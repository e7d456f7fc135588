"""The study's lanes on disk, and how they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kelbo.recipes.sigma_study import GRID
from kelbo.runs import Sweep
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies import study_lanes as lanes
from kelbo.studies.sigma_vae import features
from kelbo.studies.sigma_vae.plan import LanePlan, Plan, SweepPlan
from kelbo.studies.study_lanes import train_entries
from kelbo.sweeps.engines import How
from kelbo.sweeps.jobs import Job, Outcome, Watch, ignore_reports
from kelbo.sweeps.lane import train_lane

SLOW = ("categorical", "logistic_mixture", "bitwise_categorical")
"""decoders whose steps take the longest: they go first, so that none is waited for at the end"""


@dataclass(frozen=True)
class Entry(lanes.Entry):
    """A lane of the plan."""

    plan: SweepPlan
    lane: LanePlan

    @property
    def grid(self) -> bool:
        return self.lane.decoder == GRID


def entries_of(plan: Plan, study: Study) -> list[Entry]:
    """Every lane that the plan asks for. Nothing is written."""
    return [Entry(Sweep(study.sweep(sweep.name)), lane.name, plan.steps, sweep, lane) for sweep, lane in plan.lanes()]


def train(
    plan: Plan,
    study: Study,
    todo: Sequence[Entry],
    *,
    watch: Watch = ignore_reports,
    workers: int | None = None,
    how: How = "auto",
) -> list[Outcome]:
    """Train these lanes, and the feature network where there is none. Raises as `train_entries` does."""
    recipes = lanes.lay_out(plan.sweeps, study)
    first = sorted(todo, key=lambda entry: entry.lane.decoder not in SLOW)
    jobs = [(entry, Job(entry.title, train_lane, (recipes[entry.title], entry.run.path))) for entry in first]
    return train_entries(study, jobs, features.jobs(plan, study), watch=watch, workers=workers, how=how)
