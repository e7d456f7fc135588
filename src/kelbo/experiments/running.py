"""A run in training: everything except the loop, which may train one run or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from kelbo.bound import Batch
from kelbo.data.batches import Batches, batch_at
from kelbo.data.conditions import shortened
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import once, together
from kelbo.experiments.companions import with_weights
from kelbo.experiments.diagnosis import cautions
from kelbo.experiments.experiment import open_companions
from kelbo.experiments.findings import Finding
from kelbo.experiments.guards import require_splits
from kelbo.experiments.parts import BUILD, Parts, require_model, require_step
from kelbo.experiments.provenance import described, provenance
from kelbo.experiments.solved import save_sigma
from kelbo.experiments.stages import require_primary, target_not_below, with_pictures
from kelbo.experiments.starting import Start, Taken, require_source, with_start
from kelbo.experiments.validating import validation
from kelbo.experiments.watch import RunWatch, Warn
from kelbo.frozen import Frozen
from kelbo.protocols import Model, Objective, State
from kelbo.recipes.adversaries import with_features
from kelbo.recipes.build import NO_RUNS
from kelbo.recipes.files import dump
from kelbo.recipes.readers import augmentation_of
from kelbo.recipes.schema import Recipe, TargetSpec
from kelbo.runs import Run
from kelbo.runs.journal import PROBED, TRAINED
from kelbo.seeds import Source, drawing_from, seed_for, seeded
from kelbo.training import (
    Checkpoints,
    Ema,
    Hook,
    Pictures,
    Scalars,
    TensorBoard,
    TrainState,
    Update,
    average_weights,
    every,
)
from kelbo.training.accumulating import require_no_batch_statistics
from kelbo.training.best import Validation
from kelbo.training.checkpoint import restore, saving
from kelbo.training.compiling import compile_networks
from kelbo.training.freezing import freeze
from kelbo.training.hooks import Sink
from kelbo.training.rows import Followed
from kelbo.training.skipping import Skipping
from kelbo.training.update import objective_of, suit

PICTURED = 8
"""test images whose reconstructions are followed over time"""


@dataclass(frozen=True)
class Running:
    """The state, what changes it (update, batches), and the hooks in their order."""

    recipe: Recipe
    run: Run
    state: TrainState
    update: Update
    batches: Batches
    scalars: Scalars
    checkpoints: Checkpoints
    pictures: Hook | None
    """none of tables, whose rows are no pictures"""
    source: Source
    """where the latents' noise comes from"""
    save_sigma: Callable[[], None]
    taken: Taken | None = None
    """what was taken of the run that this one begins from"""

    @property
    def hooks(self) -> list[Hook]:
        return [average_weights, self.scalars, *self.saving]

    @property
    def saving(self) -> list[Hook]:
        """The hooks after the row of a step."""
        return [self.checkpoints, *([self.pictures] if self.pictures else [])]

    def finish(self) -> None:
        """The last row and the last checkpoint, which makes the run finished, with its σ. Raises as the hooks do."""
        self.scalars.check(self.state)
        self.scalars.finish(self.state)
        self.checkpoints.save(self.state)
        self.save_sigma()


@contextmanager
def running(
    recipe: Recipe,
    out: Path,
    data: ImageSet,
    fabric: Fabric,
    *,
    resume: bool = False,
    sinks: Sequence[Sink] = (),
    warn: Warn = lambda _: None,
    machine: Mapping[str, Any] | None = None,
    parts: Parts = BUILD,
    start: Start | None = None,
    followed: Followed | None = None,
) -> Iterator[Running]:
    """Begin a run in the folder `out`, or with resume go back to its newest checkpoint.

    warn takes each warning, which the run keeps too. machine: further entries about it for the provenance. Inside the block
    the latents' noise comes from the run's own source, which no other thread draws from. The folder has copies of the runs that
    the recipe names (see `copied_runs`). start: see `read_start`. followed: `examples_of` the data, if they are there
    already. Raises RunError if the folder exists, training cannot continue from it, or nothing of `start` fits.
    """
    require_splits(data)
    others = open_companions(recipe, fabric.device, parts, Run(out))
    require_primary(recipe, data, others)
    recipe = with_weights(recipe, {name: other.checkpoint.opened for name, other in others.items()})
    if start is not None:
        start.require_meaning(data)
    recipe = with_features(with_start(recipe, start))
    with seeded(recipe.seed, "init"):
        frozen = {name: Frozen(other.generator) for name, other in others.items()}
        state, update = beginning(recipe, data, fabric, parts, frozen, start)
    taken = None if start is None else replace(start.compared(state.network), given=start.other_values(data))
    if recipe.training.accumulate > 1:
        require_no_batch_statistics(state.network)
    if recipe.training.compile:
        compile_networks(state.network)
    plan, rank = recipe.training, {"rank": fabric.global_rank, "world": fabric.world_size}
    train = with_pictures(recipe, data.train, others, fabric)
    augment = augmentation_of(recipe.data)
    batches = Batches(train, plan.batch_size, recipe.seed, fabric.device, **rank, augment=augment)
    told = provenance(recipe, data, fabric, machine or {}) | {"model": described(state.network, recipe, parts.own)}
    told |= {} if taken is None else {"start": taken.as_json()}
    # the recipe and its images have been checked, so a folder may be made
    if not resume:
        once(fabric, lambda: Run.create(out, dump(recipe), told))
    run = Run.open(out)
    with drawing_from(Source(seed_for(recipe.seed, "latents", fabric.global_rank))) as noise:
        if resume:
            _go_back(fabric, run, recipe, state)
        first = others["primary"].recipe if "primary" in others else None
        watching = _sinks(recipe, data, run, fabric, state, warn, first)
        followed = followed or examples_of(data, fabric)
        judged = validation(recipe, data, fabric, objective_of(update), state.network)
        scalars = _scalars(recipe, fabric, run, [*watching, *sinks], objective_of(update), followed, judged)
        checkpoints = Checkpoints(run, fabric, plan.checkpoint_every, scalars)
        pictured = Pictures(run, fabric, followed.pictured, recipe.seed)
        # σ is of new draws of a primary, which are what other images have
        last = partial(save_sigma, run, state, batches.images if train is data.train else data.train, fabric)
        hooks = scalars, checkpoints, None if data.columns else every(plan.pictures_every, pictured)
        yield Running(recipe, run, state, update, batches, *hooks, noise, last, taken)


def _sinks(
    recipe: Recipe, data: ImageSet, run: Run, fabric: Fabric, state: TrainState, warn: Warn, primary: Recipe | None
) -> list[Sink]:
    """The run's own sinks, in the process that writes them. primary: the recipe of the first stage, if this is a second one."""
    if not fabric.is_global_zero:
        return []
    found = [] if primary is None else target_not_below(recipe, primary, data.shape)
    watch = _watch(recipe, data, run, state, warn, found)
    return [run.journal.append, TensorBoard(run.events, state.step + 1), watch]


def examples_of(data: ImageSet, fabric: Fabric) -> Followed:
    """The examples that every run of these data is followed by, on the device: spread evenly over a split, or its middle.

    DataError if the data lack a split.
    """

    def at(images: Images, index: Tensor) -> Batch:
        return batch_at(images, index.to(images.device), fabric.device).as_intensities(images.levels)

    require_splits(data)
    test, train = data.test, data.train
    rows = at(test, test.spread_index(PROBED)), at(train, train.spread_index(TRAINED))
    return Followed(*rows, at(test, test.middle_index(PICTURED)))


def _watch(
    recipe: Recipe, data: ImageSet, run: Run, state: TrainState, warn: Warn, found: Sequence[Finding]
) -> RunWatch:
    model = state.network if isinstance(state.network, Model) else None
    found, rows = [*cautions(recipe, data.shape, shortened(data.untested, 5)), *found], data.columns is not None
    target = recipe.objective if isinstance(recipe.objective, TargetSpec) else None
    how: dict[str, Any] = {
        "has_rate": model is not None and model.has_rate,
        "cautions": found,
        "rows": rows,
        "target": target,
    }
    watch = RunWatch(run, model and model.likelihood, recipe.training.steps, warn, **how)
    saving(run, "What the run warns of", watch.begin)
    return watch


def beginning(
    recipe: Recipe,
    data: ImageSet,
    fabric: Fabric,
    parts: Parts = BUILD,
    runs: Mapping[str, Frozen] = NO_RUNS,
    start: Start | None = None,
) -> tuple[TrainState, Update]:
    """The state before the first step, and what changes it. Weights are drawn from the seed that is in force around the call,
    and then replaced by those of `start` that fit.

    RecipeError if the parts do not go together, RunError if nothing of `start` fits.
    """
    model = parts.model(recipe, data, runs)
    require_model(model)
    model = model.to(fabric.device)  # before the optimisers, some of which make their state where weights are
    if start is not None:
        start.give(model)
    if recipe.training.freeze is not None:
        require_source(recipe)
        freeze(model, recipe.training.freeze)
    made, update = parts.optimizers(recipe, model), parts.update(recipe, fabric)
    suit(update, model, data.levels)
    require_step(recipe, update, made, fabric.world_size)
    wrapped, *optimizers = fabric.setup(model, *made.values())
    ema = Ema(model, recipe.training.ema) if recipe.training.ema else None
    objective = objective_of(update)
    skipping: Skipping | None = getattr(update, "skipping", None)
    memory, skips = ({} if part is None else _on(fabric, part.initial()) for part in (objective, skipping))
    return TrainState(wrapped, dict(zip(made, optimizers, strict=True)), memory, ema, skips=skips), update


def _on(fabric: Fabric, memory: State) -> State:
    """On the device, so that no step waits for it."""
    return {name: value.to(fabric.device) for name, value in memory.items()}


def _go_back(fabric: Fabric, run: Run, recipe: Recipe, state: TrainState) -> None:
    """Bring `state`, and what the run wrote besides checkpoints, back to the newest checkpoint, or to the beginning."""
    if run.checkpoint_steps():
        together(fabric, lambda: restore(run, fabric, state))
    once(fabric, lambda: (run.journal.cut_after(state.step), run.save_recipe(dump(recipe))))


def _scalars(
    recipe: Recipe,
    fabric: Fabric,
    run: Run,
    sinks: Sequence[Sink],
    objective: Objective | None,
    followed: Followed,
    judged: Validation | None,
) -> Scalars:
    return Scalars(
        fabric,
        run,
        objective,
        followed=followed,
        batch_size=recipe.training.batch_size,
        interval=recipe.training.log_every,
        sinks=sinks,
        last=recipe.training.steps,
        validation=judged,
    )
