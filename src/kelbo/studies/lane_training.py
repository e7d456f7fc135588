"""How a study's lanes are trained: by a queue of processes, as one program, or on Ray, and after the runs that they open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from kelbo.distributed.fabric import find_device
from kelbo.errors import NotSaved, RecipeError
from kelbo.recipes.schema import Recipe
from kelbo.runs.study_folder import StudyFolder
from kelbo.studies.lanes import Course, StudyLane, opened, recipe_for, stages
from kelbo.sweeps.choice import choose
from kelbo.sweeps.definition import prepare_sweep, save_status
from kelbo.sweeps.engines import LaneOptions
from kelbo.sweeps.jobs import Job, Outcome, Watch
from kelbo.sweeps.lane import train_lane
from kelbo.sweeps.queue import work_off
from kelbo.sweeps.stackable import groups
from kelbo.sweeps.stacked import work_off_stacked


def require_stackable(how: str, recipes: Sequence[Recipe]) -> None:
    """RecipeError if lanes should be stacked and no two of these can be."""
    if how == "stack" and recipes and all(len(group) < 2 for group in groups(recipes)):
        raise RecipeError(
            f"No two of the {len(recipes)} lanes asked for can be stacked: they differ in more than seed, β and the like. "
            "Train them by the queue.",
            remedy=("how",),
        )


def train_lanes_of(
    course: Course, todo: Sequence[StudyLane], beside: Sequence[Job], how: LaneOptions, watch: Watch
) -> list[Outcome]:
    """Train these lanes and return the jobs' outcomes; each sweep's folder keeps how its lanes ended.

    A job is named by its lane's title. beside: other jobs, which run first. Locked if another process runs one of their
    sweeps, NotSaved if the disk is full, Interrupted after a signal, once the running lanes are saved.
    """
    for arm in course.arms:
        prepare_sweep(arm.recipe, arm.axes, arm.seeds, course.folder.sweep(arm.name), resume=True)
    outcomes: list[Outcome] = []
    for number, stage in enumerate(stages(todo) or [[]]):
        ready = [lane for lane in stage if all(other.done for other in opened(lane, course.lanes).values())]
        for lane in stage:
            if lane not in ready:
                status = {"state": "failed", "error": "a run that it opens did not finish", "remedy": []}
                lane.sweep.save_status(lane.lane.name, status)
        outcomes += _train_stage(course, ready, () if number else beside, how, watch)
    return outcomes


def _train_stage(
    course: Course, todo: Sequence[StudyLane], beside: Sequence[Job], how: LaneOptions, watch: Watch
) -> list[Outcome]:
    by_title = {lane.title: lane for lane in todo}

    def keep(title: str, report: dict[str, Any]) -> None:
        if title in by_title:
            save_status(by_title[title].sweep, by_title[title].lane.name, report)
        watch(title, report)

    def log(title: str) -> Path:
        lane = by_title.get(title)
        return lane.sweep.log(lane.lane.name) if lane else course.folder.log(title)

    def job(lane: StudyLane) -> Job:
        call, arguments = lane.arm.train or (train_lane, ())
        return Job(lane.title, call, (recipe_for(lane, course.lanes), lane.run.path, *arguments))

    with ExitStack() as held:
        for sweep in {lane.sweep.path: lane.sweep for lane in todo}.values():
            held.enter_context(sweep.held())
        stacks, queue = _parted([job(lane) for lane in todo], how)
        work = worker(course.folder, how)
        outcomes = work([*beside, *queue], watch=keep, log=log) if beside or queue else []
        require_written(outcomes)
        for stack in stacks:
            outcomes += require_written(work_off_stacked(stack, watch=keep))
        return outcomes


def worker(folder: StudyFolder, how: LaneOptions) -> Callable[..., list[Outcome]]:
    """What works jobs off: this machine's processes, or Ray."""
    if how.on is None:
        return partial(work_off, workers=how.workers)
    from kelbo.sweeps.cluster import work_off_on_ray

    share = {"cpus_per_job": 1 if how.cpus is None else how.cpus, "gpus_per_job": how.gpus}
    return partial(work_off_on_ray, address=how.address, folder=folder.path, **share)


def _parted(jobs: Sequence[Job], how: LaneOptions) -> tuple[list[list[Job]], list[Job]]:
    """The jobs in stacks, each trained as one program, and those for the queue, which is faster without CUDA."""
    if how.how == "queue" or how.on or (how.how == "auto" and find_device(None).type != "cuda"):
        return [], list(jobs)
    lanes = [job for job in jobs if job.call is train_lane]
    stacks, queue = [], [job for job in jobs if job.call is not train_lane]
    for places in groups([job.arguments[0] for job in lanes]):
        group = [lanes[place] for place in places]
        recipes = [job.arguments[0] for job in group]
        stack = len(group) > 1 and (how.how == "stack" or choose(recipes, workers=how.workers).how == "stack")
        stacks, queue = ([*stacks, group], queue) if stack else (stacks, queue + group)
    return stacks, queue


def require_written(outcomes: list[Outcome]) -> list[Outcome]:
    """NotSaved if some job could not write: the others would fail in the same way."""
    halted = [outcome for outcome in outcomes if outcome.kind in ("NotSaved", "NotBegun")]
    if halted:
        first = min(halted, key=lambda outcome: outcome.kind == "NotBegun")
        raise NotSaved(f"{first.name}: {first.error}", remedy=first.remedy)
    return outcomes
