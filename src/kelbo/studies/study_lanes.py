"""The lanes of a study: several sweeps in one folder, trained by one queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from kelbo.distributed.fabric import find_device
from kelbo.errors import NotSaved, RecipeError, RunError
from kelbo.recipes.files import differences, load
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run, Sweep
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.sweeps.choice import choose
from kelbo.sweeps.definition import prepare_sweep, recipe_of, save_status
from kelbo.sweeps.engines import How
from kelbo.sweeps.jobs import Job, Outcome, Watch, ignore_reports
from kelbo.sweeps.lane import train_lane
from kelbo.sweeps.queue import work_off
from kelbo.sweeps.stackable import groups
from kelbo.sweeps.stacked import work_off_stacked


@dataclass(frozen=True)
class Entry:
    """A lane of a study, whose folder may not exist yet.

    sweep   the folder of its sweep
    name    its name in that sweep
    wanted  steps that it should be trained for
    """

    sweep: Sweep
    name: str
    wanted: int

    @property
    def run(self) -> Run:
        return self.sweep.run(self.name)

    @property
    def title(self) -> str:
        return f"{self.sweep.path.name}/{self.name}"

    @property
    def steps(self) -> int:
        """Of the newest checkpoint."""
        return max(self.run.checkpoint_steps(), default=0)

    @property
    def state(self) -> tuple[str, str | None]:
        """ "done", "diverged", "failed", or "unfinished" if it was stopped or not begun; and why."""
        if self.steps >= self.wanted:  # it may have been given more since
            return "done", None
        status = self.sweep.status(self.name) or {}
        state = status.get("state")
        return (state if state in ("diverged", "failed") else "unfinished"), status.get("error") or self._why_unfinished

    @property
    def has_steps_to_do(self) -> bool:
        """Whether it should be trained on. A lane that diverged would diverge again, so it is left alone."""
        return self.state[0] in ("failed", "unfinished")

    @property
    def _why_unfinished(self) -> str:
        return f"stopped at step {self.steps:,} of {self.wanted:,}" if self.steps else "not begun"


AnEntry = TypeVar("AnEntry", bound=Entry)


def unfinished(entries: Iterable[AnEntry]) -> list[AnEntry]:
    """The lanes that should be trained on."""
    return [entry for entry in entries if entry.has_steps_to_do]


def require_some_done(entries: Sequence[Entry], out: Path) -> None:
    """RunError if none of these lanes is trained: there is nothing to measure."""
    if entries and all(entry.state[0] != "done" for entry in entries):
        raise RunError(
            f"None of the {len(entries)} lanes asked for is trained in {out}. Train them first.", remedy=("training",)
        )


def require_stackable(how: How, recipes: Sequence[Recipe]) -> None:
    """RecipeError if lanes should be stacked and no two of these can be."""
    if how == "stack" and recipes and all(len(group) < 2 for group in groups(recipes)):
        raise RecipeError(
            f"No two of the {len(recipes)} lanes asked for can be stacked: they differ in more than seed, β and the like. "
            "Train them by the queue.",
            remedy=("how",),
        )


class Planned(Protocol):
    """A sweep as a study plans it, with the arguments of `prepare_sweep`."""

    @property
    def name(self) -> str: ...
    @property
    def recipe(self) -> Recipe: ...
    @property
    def over(self) -> list[str]: ...
    @property
    def seeds(self) -> tuple[int, ...]: ...


def lay_out(sweeps: Iterable[Planned], study: Study) -> dict[str, Recipe]:
    """Make or find the sweeps' folders. Returns every lane's recipe by its title. RunError if one holds another sweep."""
    recipes = {}
    for sweep in sweeps:
        prepared = prepare_sweep(sweep.recipe, sweep.over, sweep.seeds, study.sweep(sweep.name), resume=True)
        recipes |= {f"{sweep.name}/{lane.name}": lane.recipe for lane in prepared.lanes}
    return recipes


def drawn_by_seed(folders: Iterable[Path]) -> bool:
    """Whether some of these sweeps draw test images by each lane's own seed, as earlier versions did."""
    sweeps = [sweep for folder in folders if (sweep := Sweep(folder)).definition_path.exists()]
    return any(getattr(recipe_of(sweep).data, "split_seed", 0) == "seed" for sweep in sweeps)


def require_same_sweeps(recipes: Mapping[Path, Recipe]) -> None:
    """RunError if a sweep's folder was made for another recipe: its lanes do not belong to this study."""
    for folder, recipe in recipes.items():
        sweep = Sweep(folder)
        if not sweep.definition_path.exists():
            continue
        before = recipe_of(sweep)
        if changed := differences(before, recipe):
            raise RunError(
                f"The lanes in {folder} are of another recipe: {'; '.join(changed[:4])}. If official files were added or "
                "removed, name the folder that they were in; if the study itself has changed, choose another folder for it.",
                remedy=("data_root", "out"),
            )


def train_entries(
    study: Study,
    jobs: Sequence[tuple[Entry, Job]],
    beside: Sequence[Job] = (),
    *,
    watch: Watch = ignore_reports,
    workers: int | None = None,
    how: How = "auto",
) -> list[Outcome]:
    """Run the jobs that train these lanes and return their outcomes; each sweep's folder keeps how its lanes ended.

    A job is named by its entry's title. beside: other jobs of the study, which run first. how: "stack" trains lanes that can
    be stacked as one program, and the others by the queue; "auto" stacks if there is an accelerator and a short probe finds
    it faster. RunError if another process runs one of their sweeps, NotSaved if the disk is full, Interrupted after a signal,
    once the running lanes are saved.
    """
    todo = {entry.title: entry for entry, _ in jobs}

    def keep(title: str, report: dict[str, Any]) -> None:
        if title in todo:
            save_status(todo[title].sweep, todo[title].name, report)
        watch(title, report)

    def log(title: str) -> Path:
        return todo[title].sweep.log(todo[title].name) if title in todo else study.log(title)

    with ExitStack() as held:
        for sweep in {entry.sweep.path: entry.sweep for entry in todo.values()}.values():
            held.enter_context(sweep.held())
        stacks, queue = _parted([job for _, job in jobs], how, workers)
        outcomes = work_off([*beside, *queue], watch=keep, log=log, workers=workers) if beside or queue else []
        require_written(outcomes)
        for stack in stacks:
            outcomes += require_written(work_off_stacked(stack, watch=keep))
        return outcomes


def _parted(jobs: Sequence[Job], how: How, workers: int | None) -> tuple[list[list[Job]], list[Job]]:
    """The jobs in stacks, each trained as one program, and those for the queue, which is faster without CUDA."""
    if how == "queue" or (how == "auto" and find_device(None).type != "cuda"):
        return [], list(jobs)
    lanes = [job for job in jobs if job.call is train_lane]
    stacks, queue = [], [job for job in jobs if job.call is not train_lane]
    for places in groups([job.arguments[0] for job in lanes]):
        group = [lanes[place] for place in places]
        recipes = [job.arguments[0] for job in group]
        stack = len(group) > 1 and (how == "stack" or choose(recipes, workers=workers).how == "stack")
        stacks, queue = ([*stacks, group], queue) if stack else (stacks, queue + group)
    return stacks, queue


def require_written(outcomes: list[Outcome]) -> list[Outcome]:
    """NotSaved if some job could not write: the others would fail in the same way."""
    halted = [outcome for outcome in outcomes if outcome.kind in ("NotSaved", "NotBegun")]
    if halted:
        first = min(halted, key=lambda outcome: outcome.kind == "NotBegun")
        raise NotSaved(f"{first.name}: {first.error}", remedy=first.remedy)
    return outcomes


def seconds_of(entry: Entry) -> float:
    """Seconds that one process took to train the lane, by the rates in its journal."""
    spent, last, batch = 0.0, 0, None
    for row in entry.run.journal.rows():
        batch = batch or load(entry.run.recipe_path, kept=True).training.batch_size
        step, rate = int(row["step"] or 0), row.get("images_per_second")
        if rate:
            spent += (step - last) * batch / rate
        last = step
    return spent
