"""The lanes of a study on disk: which there are, what is wanted of each, and how they are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kelbo.distributed.fabric import find_device
from kelbo.errors import NotSaved, RecipeError, RunError
from kelbo.recipes.files import change, differences
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run, Sweep
from kelbo.runs.study_folder import StudyFolder
from kelbo.studies.arms import Arm, Ask, Extra, Measure, Plan
from kelbo.studies.study import Study
from kelbo.sweeps.choice import choose
from kelbo.sweeps.definition import prepare_sweep, recipe_of, save_status
from kelbo.sweeps.engines import LaneOptions
from kelbo.sweeps.grid import Lane, grid
from kelbo.sweeps.jobs import Job, Outcome, Watch
from kelbo.sweeps.lane import train_lane
from kelbo.sweeps.queue import work_off
from kelbo.sweeps.stackable import groups
from kelbo.sweeps.stacked import work_off_stacked


@dataclass(frozen=True)
class StudyLane:
    """A lane of a study, whose folder may not exist yet. keys: of the measures that are wanted of it."""

    arm: Arm
    lane: Lane
    sweep: Sweep
    keys: frozenset[str] = frozenset()

    @property
    def run(self) -> Run:
        return self.sweep.run(self.lane.name)

    @property
    def title(self) -> str:
        return f"{self.arm.name}/{self.lane.name}"

    @property
    def wanted(self) -> int:
        """Steps that it should be trained for."""
        return self.lane.recipe.training.steps

    @property
    def steps(self) -> int:
        """Of the newest checkpoint."""
        return max(self.run.checkpoint_steps(), default=0)

    @property
    def measures(self) -> list[Measure]:
        """Those that are wanted, in the arm's order."""
        return [measure for measure in self.arm.measures(self.lane) if measure.key in self.keys]

    @property
    def state(self) -> tuple[str, str | None]:
        """ "done", "diverged", "failed", or "unfinished" if it was stopped or not begun; and why."""
        if self.steps >= self.wanted:  # it may have been given more since
            return "done", None
        status = self.sweep.status(self.lane.name) or {}
        state = status.get("state")
        why = f"stopped at step {self.steps:,} of {self.wanted:,}" if self.steps else "not begun"
        return (state if state in ("diverged", "failed") else "unfinished"), status.get("error") or why

    @property
    def done(self) -> bool:
        return self.state[0] == "done"

    @property
    def has_steps_to_do(self) -> bool:
        """Whether it should be trained on. A lane that diverged would diverge again, so it is left alone."""
        return self.state[0] in ("failed", "unfinished")

    @property
    def seconds(self) -> float:
        """That one process took to train the lane, by the rates in its journal."""
        spent, last, batch = 0.0, 0, self.lane.recipe.training.batch_size
        for row in self.run.journal.rows():
            step, rate = int(row["step"] or 0), row.get("images_per_second")
            spent += (step - last) * batch / rate if rate else 0.0
            last = step
        return spent


@dataclass(frozen=True)
class Course:
    """What a study does of all that was asked for in one folder: the last command's plan, and the lanes of all commands."""

    study: Study
    asks: tuple[Ask, ...]
    plan: Plan
    lanes: tuple[StudyLane, ...]
    folder: StudyFolder

    @property
    def ask(self) -> Ask:
        return self.asks[-1]

    @property
    def arms(self) -> list[Arm]:
        """Those that have lanes."""
        return list({lane.arm.name: lane.arm for lane in self.lanes}.values())

    def extras(self) -> list[Extra]:
        """Those that some table or figure needs."""
        keys = {key for ask in self.asks for thing in things_of(self.study, ask) for key in thing.extras}
        found = self.plan.extras(self.lanes)
        return [one for one in found if any(one.key == key or one.key.startswith(f"{key}-") for key in keys)]


def things_of(study: Study, ask: Ask) -> list[Any]:
    """The tables and figures that were asked for."""
    return [thing for key, thing in study.things.items() if ask.only is None or key in ask.only]


def course_of(study: Study, asks: Sequence[Ask], folder: StudyFolder) -> Course:
    """All that these commands ask for in one folder. Raises as the study's plan does."""
    kept = [
        ask for number, ask in enumerate(asks) if ask.selection not in [later.selection for later in asks[number + 1 :]]
    ]
    plans = [study.plan(replace(ask, folder=folder)) for ask in kept]
    lanes: dict[str, StudyLane] = {}
    for ask, plan in zip(kept, plans, strict=True):
        for lane in _lanes_of(study, ask, plan, folder):
            before = lanes.get(lane.title)
            lanes[lane.title] = replace(lane, keys=lane.keys | before.keys) if before else lane
    left_out = [left for left in plans[-1].left_out if all(left[0] in dict(plan.left_out) for plan in plans)]
    return Course(study, tuple(kept), replace(plans[-1], left_out=tuple(left_out)), tuple(lanes.values()), folder)


def _lanes_of(study: Study, ask: Ask, plan: Plan, folder: StudyFolder) -> Iterator[StudyLane]:
    needs = [need for thing in things_of(study, ask) for need in thing.needs]
    for arm in plan.arms:
        sweep = Sweep(folder.sweep(arm.name))
        for lane in grid(arm.recipe, arm.axes, arm.seeds):
            covering = [need for need in needs if need.covers(arm, lane)]
            if covering and arm.keeps(lane):
                keys = frozenset({*study.always, *(key for need in covering for key in need.measures)})
                yield StudyLane(arm, lane, sweep, keys)


def stages(lanes: Iterable[StudyLane]) -> list[list[StudyLane]]:
    """Lanes in the order in which they can be trained: those that open runs after those runs."""
    lanes = list(lanes)
    arms = {lane.arm.name: lane.arm for lane in lanes}

    def depth(arm: Arm) -> int:
        return 1 + max((depth(arms[name]) for name in arm.opens.values() if name in arms), default=-1)

    depths = {name: depth(arm) for name, arm in arms.items()}
    return [[lane for lane in lanes if depths[lane.arm.name] == at] for at in sorted(set(depths.values()))]


def opened(lane: StudyLane, lanes: Sequence[StudyLane]) -> dict[str, StudyLane]:
    """The lanes whose runs this one opens, by the path of its recipe. ValueError if the study does not say which one."""
    found = {}
    for path, name in lane.arm.opens.items():
        fits = [
            other
            for other in lanes
            if other.arm.name == name
            and other.lane.seed == lane.lane.seed
            and all(lane.lane.settings.get(key, value) == value for key, value in other.lane.settings.items())
        ]
        if len(fits) != 1:
            raise ValueError(f"{lane.title} opens one run of the arm {name}, and {len(fits)} fit.")
        found[path] = fits[0]
    return found


def recipe_for(lane: StudyLane, lanes: Sequence[StudyLane]) -> Recipe:
    """A lane's recipe, with the paths of the runs that it opens."""
    paths = [f"{path}.path={other.run.path.resolve()}" for path, other in opened(lane, lanes).items()]
    return change(lane.lane.recipe, paths) if paths else lane.lane.recipe


def unfinished(lanes: Iterable[StudyLane]) -> list[StudyLane]:
    """The lanes that should be trained on."""
    return [lane for lane in lanes if lane.has_steps_to_do]


def require_same_sweeps(arms: Iterable[Arm], folder: StudyFolder) -> None:
    """RunError if a sweep's folder was made for another recipe: its lanes do not belong to this study."""
    for arm in arms:
        sweep = Sweep(folder.sweep(arm.name))
        if not sweep.definition_path.exists():
            continue
        if changed := differences(recipe_of(sweep), arm.recipe):
            raise RunError(
                f"The lanes in {sweep.path} are of another recipe: {'; '.join(changed[:4])}. If official files were added or "
                "removed, name the folder that they were in; if the study itself has changed, choose another folder for it.",
                remedy=("data_root", "out"),
            )


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

    A job is named by its lane's title. beside: other jobs, which run first. RunError if another process runs one of their
    sweeps, NotSaved if the disk is full, Interrupted after a signal, once the running lanes are saved.
    """
    for arm in course.arms:
        prepare_sweep(arm.recipe, arm.axes, arm.seeds, course.folder.sweep(arm.name), resume=True)
    outcomes = _train_stage(course, [], beside, how, watch) if beside else []
    for stage in stages(todo):
        ready = [lane for lane in stage if all(other.done for other in opened(lane, course.lanes).values())]
        for lane in stage:
            if lane not in ready:
                status = {"state": "failed", "error": "a run that it opens did not finish", "remedy": []}
                lane.sweep.save_status(lane.lane.name, status)
        outcomes += _train_stage(course, ready, (), how, watch)
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
