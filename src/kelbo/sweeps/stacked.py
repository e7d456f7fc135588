"""The lanes of a sweep trained as one program, each as the run that it would be alone.

A lane has the weights, the noise and the order of images that its recipe gives it alone, and writes an ordinary run's folder;
only the arithmetic is shared. A lane that diverges or is done is left out from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kelbo.distributed.fabric import Fabric
from kelbo.distributed.signals import Signals
from kelbo.eager import plain_autograd
from kelbo.errors import Divergence, Interrupted, NotSaved, RecipeError, RunError
from kelbo.experiments.guards import require_same_data, require_same_precision, require_same_recipe
from kelbo.experiments.running import Running, running
from kelbo.experiments.starting import read_start
from kelbo.machine import allow_open_files, suit_process
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run
from kelbo.seeds import drawing_from
from kelbo.shortage import memory_for
from kelbo.sweeps.jobs import Job, Outcome, Watch, failure_of, ignore_reports, stopped
from kelbo.sweeps.lane import finished, train_lane
from kelbo.sweeps.stackable import require_lanes, stackable
from kelbo.sweeps.stacked_data import Pool
from kelbo.sweeps.stacked_graph import Graph
from kelbo.sweeps.stacked_rows import LaneRows
from kelbo.sweeps.stacked_step import StackedLane, Step
from kelbo.training import Values, average_weights

REPORT_EVERY = 10
"""steps"""


@plain_autograd()
def train_stacked(
    recipes: Sequence[Recipe],
    folders: Sequence[Path],
    *,
    names: Sequence[str] | None = None,
    watch: Watch = ignore_reports,
    fabric: Fabric | None = None,
    graph: bool = False,
) -> list[Outcome]:
    """Train each recipe in its folder, all as one program, and return how each ended, in their order.

    A run in a folder is resumed from its newest checkpoint, whatever step the others are at; a finished one is not touched.
    names: the lanes' names in reports to `watch`; by default the folders'. fabric: one device, in the recipes' precision; the
    best available by default. graph: record the step as a CUDA graph.

    A lane that diverges, or whose folder cannot be resumed, fails alone. Raises RecipeError if the lanes differ in more than
    lanes can (`stackable`), if fabric computes in another precision, or if graph has no CUDA device; DataError; NotSaved if
    the disk is full (what was saved before is kept); and Interrupted after SIGINT or SIGTERM, once every lane is saved.
    """
    stackable(recipes)
    if not recipes:
        return []
    fabric = fabric or Fabric(accelerator="auto", devices=1, precision=recipes[0].training.precision)
    if fabric.world_size > 1:
        raise RecipeError(
            f"Stacked lanes are one process; these are {fabric.world_size}. Use the queue.", remedy=("how",)
        )
    require_same_precision(recipes[0], fabric)
    if graph and fabric.device.type != "cuda":
        raise RecipeError(f"A CUDA graph needs a CUDA device; this is {fabric.device}. Leave it out.")
    suit_process()
    allow_open_files(len(recipes))  # each lane's run is locked
    wanted = memory_for(
        f"training {len(recipes):,} stacked lanes", "Use the queue, or lower training.batch_size.", ("how",)
    )
    with wanted, ExitStack() as runs, Signals(alone=True) as signals:
        together = _Together(names or [folder.name for folder in folders], watch, fabric, graph, signals)
        together.begin(recipes, folders, runs)
        return together.train()


def work_off_stacked(
    jobs: Sequence[Job],
    *,
    watch: Watch = ignore_reports,
    log: Callable[[str], Path] | None = None,  # noqa: ARG001
) -> list[Outcome]:
    """`train_stacked` with the signature of `kelbo.sweeps.queue.work_off`, for jobs that train lanes. They write no logs."""
    if other := next((job for job in jobs if job.call is not train_lane), None):
        raise RecipeError(f"Only lanes can be stacked; {other.name} is another job. Use the queue.", remedy=("how",))
    recipes, folders = ([job.arguments[place] for job in jobs] for place in (0, 1))
    return train_stacked(recipes, folders, names=[job.name for job in jobs], watch=watch)


class _Member:
    """A lane that is being trained."""

    def __init__(self, name: str, run: Running, tell: Callable[[dict], None]) -> None:
        self.name, self.run, self.tell = name, run, tell
        plan = run.recipe.training
        update = require_lanes(name, run.state.network, run.update)
        self.lane = StackedLane(run.state, update, run.batches.at(run.state.step), run.source)
        self.steps = plan.steps
        if run.batches.device.type != "cpu":
            run.scalars.guard = plan.log_every  # the check for values that are not finite waits for the device

    def enter(self, values: Values) -> None:
        """Take in a step's values, before the lanes' rows are read together."""
        average_weights(self.run.state, values)
        self.run.scalars.enter(self.run.state, values)

    def after_step(self, values: Values) -> bool:
        """Write the step's row, and call the other hooks. Returns whether it was the last step. Raises what hooks raise."""
        state = self.run.state
        with drawing_from(self.lane.source):
            self.run.scalars.tell(state)
            for hook in self.run.saving:
                hook(state, values)
        if state.step % REPORT_EVERY == 0:
            self.tell({"step": state.step, "steps": self.steps})
        if state.step < self.steps:
            return False
        with drawing_from(self.lane.source):
            self.run.finish()
        return True

    def save(self) -> None:
        with drawing_from(self.lane.source):
            self.run.checkpoints.save(self.run.state)


class _Together:
    def __init__(self, names: Sequence[str], watch: Watch, fabric: Fabric, graph: bool, signals: Signals) -> None:
        self.names, self.watch, self.fabric, self.graph, self.signals = names, watch, fabric, graph, signals
        self.members: list[_Member] = []
        self.outcomes: dict[str, Outcome] = {}
        self.begun = time.perf_counter()

    def begin(self, recipes: Sequence[Recipe], folders: Sequence[Path], runs: ExitStack) -> None:
        pool = Pool(self.fabric.device)
        for name, recipe, folder in zip(self.names, recipes, folders, strict=True):
            if self.signals.caught:  # no lane has taken a step yet
                raise self._stopped()
            self.watch(name, {"state": "begun", "attempt": 1})
            try:
                self._begin_one(name, recipe, folder, pool, runs, len(recipes))
            except NotSaved:
                raise
            except RunError as error:
                self._end(name, error)

    def _begin_one(self, name: str, recipe: Recipe, folder: Path, pool: Pool, runs: ExitStack, lanes: int) -> None:
        resume = Run(folder).recipe_path.exists()
        if resume:
            recipe = require_same_recipe(recipe, folder)
            if finished(recipe, folder):
                return self._end(name)
        runs.enter_context(Run(folder).held())
        start = read_start(recipe, folder, self.fabric, resume=resume)
        data = pool.of(recipe)
        if resume:
            require_same_data(Run.open(folder), data)
        self.levels = data.levels

        def tell(report: dict) -> None:
            self.watch(name, {"steps": recipe.training.steps, **report})

        how: dict[str, Any] = {"sinks": [tell], "machine": {"stacked lanes": lanes}, "start": start}
        how["followed"] = pool.followed(recipe, self.fabric)
        run = running(recipe, folder, data, self.fabric, resume=resume, **how)
        self.members.append(_Member(name, runs.enter_context(run), tell))
        return None

    def train(self) -> list[Outcome]:
        while self.members:
            step = Step(self.fabric, [member.lane for member in self.members], self.levels)
            if self.graph:
                step.compute = Graph(step)
            scalars = [(member.run.state, member.run.scalars) for member in self.members]
            rows = LaneRows(step.stack, scalars, self.fabric.device)
            while all(member.name not in self.outcomes for member in self.members):
                found = step()
                for member, values in zip(self.members, found, strict=True):
                    member.enter(values)
                rows.read()
                for member, values in zip(self.members, found, strict=True):
                    self._look_after(member, values)
                if self.signals.caught:
                    self._save_and_stop()
            self.members = [member for member in self.members if member.name not in self.outcomes]
        return [self.outcomes[name] for name in self.names]

    def _look_after(self, member: _Member, values: Values) -> None:
        try:
            if member.after_step(values):
                self._end(member.name)
        except Divergence as error:
            self._end(member.name, error)

    def _end(self, name: str, error: Exception | None = None) -> None:
        seconds = time.perf_counter() - self.begun
        if error is None:
            self.outcomes[name] = Outcome(name, None, None, None, 1, seconds)
            self.watch(name, {"state": "done", "seconds": seconds})
            return
        failure = failure_of(error)
        self.outcomes[name] = Outcome(name, None, failure.error, failure.kind, 1, seconds, failure.remedy)
        self.watch(name, {"state": "failed", **failure._asdict()})

    def _save_and_stop(self) -> None:
        for member in self.members:
            if member.name not in self.outcomes:
                self._end(member.name, self._saved(member))
        raise self._stopped()

    def _saved(self, member: _Member) -> Exception:
        """Save a lane that is stopped. Returns how it ended."""
        try:
            member.save()
        except Divergence as error:
            return error
        return Interrupted(f"Stopped by {self.signals.caught} after step {member.run.state.step}, which is saved.")

    def _stopped(self) -> Interrupted:
        done = sum(outcome.error is None for outcome in self.outcomes.values())
        return stopped(self.signals, done, len(self.names))
