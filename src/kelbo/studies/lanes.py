"""The lanes of a study on disk: which there are, what is wanted of each, and how they are trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kelbo.errors import RunError
from kelbo.experiments.guards import require_same_data
from kelbo.recipes import build
from kelbo.recipes.files import change, differences
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run, Sweep
from kelbo.runs.study_folder import StudyFolder
from kelbo.studies.arms import Arm, Ask, Extra, Measure, Plan
from kelbo.studies.study import Study
from kelbo.sweeps.definition import find_sweep, recipe_of
from kelbo.sweeps.grid import Lane


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
        return [measure for measure in self.arm.measures(self.lane) if self.keys & {measure.key, measure.asked_as}]

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
    """What a study does of all that was asked for in one folder: the last command's plan, and the lanes of all commands.

    named  titles of the lanes that the last command asks for
    """

    study: Study
    asks: tuple[Ask, ...]
    plan: Plan
    lanes: tuple[StudyLane, ...]
    folder: StudyFolder
    named: frozenset[str] = frozenset()

    @property
    def ask(self) -> Ask:
        return self.asks[-1]

    @property
    def now(self) -> list[StudyLane]:
        """The lanes that the last command asks for: it trains no others."""
        return [lane for lane in self.lanes if lane.title in self.named]

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
    named: list[StudyLane] = []
    for ask, plan in zip(kept, plans, strict=True):
        named = _lanes_of(study, ask, plan, folder)
        for lane in named:
            before = lanes.get(lane.title)
            lanes[lane.title] = replace(lane, keys=lane.keys | before.keys) if before else lane
    left_out = [left for left in plans[-1].left_out if all(left[0] in dict(plan.left_out) for plan in plans)]
    plan = replace(plans[-1], left_out=tuple(left_out))
    return Course(study, tuple(kept), plan, tuple(lanes.values()), folder, frozenset(lane.title for lane in named))


def _lanes_of(study: Study, ask: Ask, plan: Plan, folder: StudyFolder) -> list[StudyLane]:
    """The lanes that tables and figures need, and those that these open, in the order of the arms."""
    needs = [need for thing in things_of(study, ask) for need in thing.needs]
    whole: list[StudyLane] = []
    found: set[str] = set()
    for arm in plan.arms:
        sweep = Sweep(folder.sweep(arm.name))
        for lane in filter(arm.keeps, arm.lanes()):
            covering = [need for need in needs if need.covers(arm, lane)]
            keys = frozenset({*study.always, *(key for need in covering for key in need.measures)})
            whole.append(StudyLane(arm, lane, sweep, keys))
            found |= {whole[-1].title} if covering else set()
    new = found
    while new:
        new = {other.title for lane in whole if lane.title in new for other in opened(lane, whole).values()} - found
        found |= new
    return [lane for lane in whole if lane.title in found]


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
    """A lane's recipe, with the paths of the runs that it opens, and the settings that it reads from them."""
    reads = lane.arm.reads
    changes = [
        f"{path}={reads[path](other.run)}" if path in reads else f"{path}.path={other.run.path.resolve()}"
        for path, other in opened(lane, lanes).items()
    ]
    return change(lane.lane.recipe, changes) if changes else lane.lane.recipe


def unfinished(lanes: Iterable[StudyLane]) -> list[StudyLane]:
    """The lanes that should be trained on. One that diverged would diverge again, so it is left alone."""
    return [lane for lane in lanes if lane.state[0] in ("failed", "unfinished")]


def require_same_sweeps(arms: Iterable[Arm], folder: StudyFolder) -> None:
    """RunError if a sweep's folder was made for another recipe or other lanes: they do not belong to this study."""
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
        before, now = ([lane.name for lane in lanes] for lanes in (find_sweep(sweep.path).lanes, arm.lanes()))
        if before != now:
            raise RunError(
                f"The sweep in {sweep.path} has other lanes than this study: {len(before)}, such as {before[-1]}, instead of "
                f"{len(now)}, such as {now[-1]}. Choose another folder.",
                remedy=("out",),
            )


def require_same_images(course: Course) -> None:
    """RunError if lanes would be trained on other images than those of their sweep were. Reads the data of such sweeps only."""
    for arm in course.arms:
        lanes = [lane for lane in course.lanes if lane.arm.name == arm.name]
        trained = [lane for lane in lanes if lane.steps and lane.run.provenance_path.exists()]
        if trained and unfinished(lane for lane in lanes if lane.title in course.named):
            require_same_data(trained[0].run, build.data(trained[0].lane.recipe))
