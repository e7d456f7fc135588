"""The course of a study in a folder: train and measure what is missing, write the page. Any part may be interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from kelbo.errors import Interrupted, KelboError, NotSaved, RecipeError, RunError, message
from kelbo.machine import describe
from kelbo.recipes.schema import Recipe
from kelbo.runs.study_folder import StudyFolder
from kelbo.studies.arms import Ask
from kelbo.studies.gather import results_of
from kelbo.studies.lane_training import require_stackable, require_written, train_lanes_of, worker
from kelbo.studies.lanes import (
    Course,
    StudyLane,
    course_of,
    require_same_images,
    require_same_sweeps,
    unfinished,
)
from kelbo.studies.measuring import can_take, find_extra, measure_extra, measure_lane, missing
from kelbo.studies.page import write_page
from kelbo.studies.probe import TimeEstimate, probe
from kelbo.studies.study import Study
from kelbo.sweeps.engines import LaneOptions
from kelbo.sweeps.jobs import Job, Watch, ignore_reports
from kelbo.sweeps.queue import workers_here

Watching = Callable[[int], AbstractContextManager[Watch]]
"""Opens the display for this number of jobs."""
Say = Callable[[str], None]

OPENING = 3.0
"""seconds of bringing a run back"""
HERE = LaneOptions()


def quietly(_jobs: int) -> AbstractContextManager[Watch]:
    """A Watching that shows nothing."""
    return nullcontext(ignore_reports)


def planned(study: Study, ask: Ask, out: Path) -> Course:
    """What is done in a folder of this command and those before it. Nothing is written.

    RunError if the folder is another study's, or something else; RecipeError for a table or figure that the
    study does not have.
    """
    require_things(study, ask)
    ask = replace(ask, features=_settled(ask.features))
    folder = StudyFolder(out)
    first = course_of(study, [ask], folder)
    folder.require(definition(study, ask), [arm.name for arm in first.plan.arms])
    require_same_sweeps(first.plan.arms, folder)
    told = folder.record()
    ask = replace(ask, features=ask.features or told.get("features"))
    asks = [_asked(study, ask, before) for before in told.get("asked") or ()]
    return course_of(study, [*asks, ask], folder)


def begin(study: Study, ask: Ask, out: Path, *, new: bool = True, how: LaneOptions = HERE) -> Course:
    """The study's folder, made (if `new`) or found, and what is done there. Raises as `planned` does.

    RunError if lanes would be trained on other images than those before; RecipeError for options of lanes that exclude each
    other, and if lanes should be stacked and no two can be.
    """
    how.require_sound()
    course = planned(study, ask, out)
    if new:
        require_same_images(course)
        require_stackable(how.how, [lane.lane.recipe for lane in course.now if lane.arm.train is None])
    StudyFolder.begin(out, definition(study, ask), [arm.name for arm in course.plan.arms], new=new)
    return course


def _settled(features: str | None) -> str | None:
    """A network as a user named it, a file with its whole path, since the folder keeps it. RecipeError for an empty name."""
    if features is not None and not features.strip():
        raise RecipeError(
            "The feature network has no name; it is inception-2015, a data set's name, random-SEED, or a file.",
            remedy=("features",),
        )
    return str(Path(features).resolve()) if features and Path(features).is_file() else features


def require_things(study: Study, ask: Ask) -> None:
    """RecipeError lists the study's tables and figures if one was asked for that it does not have."""
    unknown = [key for key in ask.only or () if key not in study.things]
    if unknown or ask.only == ():
        what = f"no {', '.join(map(repr, unknown))}" if unknown else "nothing to show if nothing is named"
        raise RecipeError(
            f"The study {study.name} has {what}. Choose from {', '.join(study.things)}.", remedy=("only",)
        )
    if ask.mode not in study.modes:
        raise RecipeError(f"The study {study.name} has no mode {ask.mode!r}; it has {', '.join(study.modes)}.")


def definition(study: Study, ask: Ask) -> dict[str, Any]:
    """What all that is asked for in one folder has in common: its numbers stand side by side."""
    options = ask.options.model_dump(mode="json", exclude={*ask.options.SELECTING})
    return {
        "study": study.name,
        "budget": ask.budget.name,
        "mode": ask.mode,
        "options": options,
        "changes": sorted(ask.changes),
    }


def _asked(study: Study, ask: Ask, before: dict[str, Any]) -> Ask:
    """An earlier command's ask, of the same folder."""
    only = before.get("only")
    chosen = {name: value for name, value in before.items() if name != "only"}
    options = study.options.model_validate({**ask.options.model_dump(), **chosen})
    return replace(ask, only=only and tuple(only), options=options)


def expected(course: Course, workers: int | None = None) -> TimeEstimate:
    """About how long what is left of a study takes here, by a probe of some seconds. Nothing is written."""
    count = workers or workers_here(2**10)
    todo = unfinished(course.now)
    left = {lane.title: missing(lane.run, lane.measures) for lane in course.lanes if lane not in todo and lane.done}
    left |= {lane.title: [one for one in lane.measures if one.of is not None] for lane in todo}
    there = [lane for lane in course.lanes if lane in todo or left.get(lane.title)]
    before = sum(task.seconds for task in course.plan.before if not task.file.is_file())
    extras = sum(one.seconds for one in course.extras() if find_extra(course.folder.path, one) is None)
    if not there and not before and not extras:
        return TimeEstimate(0.0, 0.0, count, {})
    rates = probe(recipes_by_title(there), workers)
    training, measuring = before, extras
    for lane in there:
        rate, batch = rates[speed_of(lane)], lane.lane.recipe.training.batch_size
        training += (lane in todo) * max(0, lane.wanted - lane.steps) * batch / rate.trained
        measuring += OPENING + sum(one.seconds + one.images / rate.encoded for one in left.get(lane.title, ()))
    return TimeEstimate(training / count, measuring / count, count, rates)


def reproduce(
    study: Study,
    ask: Ask,
    out: Path,
    *,
    how: LaneOptions = HERE,
    training: bool = True,
    say: Say = lambda _: None,
    watching: Watching = quietly,
    estimate: TimeEstimate | None = None,
) -> Path:
    """Train what is asked for in the folder `out`, measure that and what was asked for before, and return the page.

    how: where and how lanes are trained. training: if False, lanes are left as they are, and what is trained already is
    measured. say: receives what is done, in lines. estimate: what was said beforehand, for the page; lanes that take longest
    then go first. A lane that diverges or fails is told of in the results and on the page; the others go on. RunError if `out`
    holds another study or is being worked on; NotSaved if the disk is full; Interrupted after a signal: what is done is kept,
    and the same call continues.
    """
    course = begin(study, ask, out, new=training, how=how)
    with course.folder.held(), _saying_how_to_continue(out):
        if estimate is not None:
            course.folder.expect(estimate.seconds)
        _train(course, how, training=training, say=say, watching=watching, estimate=estimate)
        course = course_of(study, course.asks, course.folder)  # measures may depend on what was made
        _save(course, {})
        faults = _measure(course, how, say, watching)
        _save(course, faults)
        return write_page(study, out)


def _train(
    course: Course, how: LaneOptions, *, training: bool, say: Say, watching: Watching, estimate: TimeEstimate | None
) -> None:
    now = course.now
    todo = unfinished(now)
    if len(todo) < len(now):
        say(f"{len(now) - len(todo)} of {len(now)} lanes are trained already, or diverged")
    if not training:
        if now and not any(lane.done for lane in now):
            raise RunError(
                f"None of the {len(now)} lanes asked for is trained in {course.folder.path}. Train them first.",
                remedy=("training",),
            )
        todo = []
    course.folder.ask([ask.selection for ask in course.asks], course.ask.features)
    if todo:
        first = all(lane.steps == 0 for lane in course.lanes)
        course.folder.trained_on(describe(), first=first)
    if estimate and estimate.rates:
        rates = estimate.rates
        todo.sort(key=lambda lane: rates[speed_of(lane)].trained if speed_of(lane) in rates else 0.0)
    before = [task for task in course.plan.before if not task.file.is_file()]
    if todo or before:
        jobs = [Job(task.name, task.call, task.arguments) for task in before]
        with _timed(course.folder, "training"), watching(len(todo) + len(jobs)) as watch:
            outcomes = train_lanes_of(course, todo, jobs, how, watch)
        for outcome in outcomes:
            if outcome.error and outcome.name in {task.name for task in before}:
                raise RunError(f"The study cannot go on: {outcome.name} failed: {outcome.error}", remedy=("features",))
    for lane in now:
        if not lane.done:
            say(f"{lane.title} {lane.state[0]}: {lane.state[1]}")


def _measure(course: Course, how: LaneOptions, say: Say, watching: Watching) -> dict[str, str]:
    """Take all that is missing. Returns by title why something could not be measured completely."""
    jobs = [
        Job(f"measure {one.key}", measure_extra, (course.folder.path, one))
        for one in sorted(course.extras(), key=lambda one: -one.seconds)
        if can_take(one) and find_extra(course.folder.path, one) is None
    ]
    for lane in course.lanes:
        if lane.done and missing(lane.run, lane.measures):
            jobs.append(Job(f"measure {lane.title}", measure_lane, (lane.run.path, lane.measures, course.ask.root)))
    if not jobs:
        return {}
    say(f"measuring: {len(jobs)} jobs")
    with _timed(course.folder, "measuring"), watching(len(jobs)) as watch:
        work = worker(course.folder, how)
        outcomes = require_written(work(jobs, watch=watch, log=course.folder.log))
    faults = {outcome.name.removeprefix("measure "): outcome.error for outcome in outcomes if outcome.error}
    for name, error in faults.items():
        say(f"{name} was not measured completely: {error}")
    return faults


def _save(course: Course, faults: dict[str, str]) -> None:
    course.folder.save_results(results_of(course, faults))


@contextmanager
def _saying_how_to_continue(out: Path) -> Iterator[None]:
    """Add to an interruption how the study is continued; a disk that refuses is NotSaved."""
    try:
        yield
    except Interrupted as error:
        raise Interrupted(f"{error} The same command continues it.") from error
    except OSError as error:
        if isinstance(error, KelboError):
            raise
        raise NotSaved(
            f"The study in {out} cannot go on: {message(error)}. Make room; the same command continues it."
        ) from error


@contextmanager
def _timed(folder: StudyFolder, part: str) -> Iterator[None]:
    """The time inside the block is added to that of a part of the study."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        folder.spend(part, time.perf_counter() - begun)


def recipes_by_title(lanes: Iterable[StudyLane]) -> Mapping[str, Recipe]:
    """A recipe for each kind of lane: those of one arm that differ in numbers alone train equally fast.

    Without the runs that it opens, which may not be trained yet.
    """
    found: dict[str, Recipe] = {}
    for lane in lanes:
        recipe = lane.arm.probed or lane.lane.recipe
        found.setdefault(speed_of(lane), recipe.model_copy(update={"runs": {}, "start": None}))
    return found


def speed_of(lane: StudyLane) -> str:
    """What lanes of equal speed have in common."""
    words = [value for value in lane.lane.settings.values() if not value.replace(".", "").isdigit()]
    return " ".join([lane.arm.name, *words])
