"""A run in training: everything about it but the loop that moves it, which may move one run or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from kelbo.data.batches import Batches
from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import once, together
from kelbo.experiments.diagnosis import cautions
from kelbo.experiments.guards import require_splits
from kelbo.experiments.solved import keep_sigma
from kelbo.experiments.validating import validation
from kelbo.experiments.watch import RunWatch, Say, silent
from kelbo.machine import describe
from kelbo.protocols import Objective
from kelbo.recipes import build
from kelbo.recipes.files import dump
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run
from kelbo.runs.journal import PROBED, TRAINED
from kelbo.seeds import Source, drawing_from, seed_for, seeded
from kelbo.training import Checkpoints, Ema, Hook, Pictures, Scalars, Schedule, TensorBoard, TrainState, every
from kelbo.training.checkpoint import restore, saving
from kelbo.training.hooks import Sink

PICTURED = 10
"""test images whose reconstructions are followed over time"""


@dataclass(frozen=True)
class Running:
    """What moves (state), what moves it (objective, schedule, batches) and what watches (the hooks, in their order)."""

    recipe: Recipe
    run: Run
    state: TrainState
    objective: Objective
    schedule: Schedule
    batches: Batches
    scalars: Scalars
    checkpoints: Checkpoints
    pictures: Hook
    source: Source
    """where the latents' noise comes from"""
    keep_sigma: Callable[[], None]

    @property
    def hooks(self) -> list[Hook]:
        return [*([self.state.ema] if self.state.ema else []), self.scalars, self.checkpoints, self.pictures]

    def finish(self) -> None:
        """The last row and the last checkpoint, which makes the run finished, with its σ. Raises as the hooks do."""
        self.scalars.check(self.state)
        self.scalars.finish(self.state)
        self.checkpoints.save(self.state)
        self.keep_sigma()


@contextmanager
def running(
    recipe: Recipe,
    out: Path,
    data: ImageSet,
    fabric: Fabric,
    *,
    resume: bool = False,
    sinks: Sequence[Sink] = (),
    say: Say = silent,
    told: Mapping[str, Any] | None = None,
) -> Iterator[Running]:
    """Begin a run in the folder `out`, or with resume go back to its newest checkpoint.

    say takes each warning, which the run keeps too. told: what else its provenance shall say of the machine. Inside the block
    the latents' noise comes from the run's own source, which no other thread draws from. Raises RunError where the folder
    exists, or cannot be gone on with.
    """
    require_splits(data)
    with seeded(recipe.seed, "init"):
        state = _begin(recipe, data, fabric)
    plan, rank = recipe.training, {"rank": fabric.global_rank, "world": fabric.world_size}
    batches = Batches(data.train, plan.batch_size, recipe.seed, fabric.device, **rank)
    moves = build.objective(recipe), build.schedule(recipe), batches
    # from here on nothing in the recipe or its images can be wrong, so that a folder may be made
    if not resume:
        once(fabric, lambda: Run.create(out, dump(recipe), _provenance(recipe, data, fabric, told or {})))
    run = Run.open(out)
    with drawing_from(Source(seed_for(recipe.seed, "latents", fabric.global_rank))) as noise:
        if resume:
            _go_back(fabric, run, recipe, state)
        yield from _under_way(recipe, run, data, fabric, state, moves, noise, sinks, say)


def _under_way(
    recipe: Recipe,
    run: Run,
    data: ImageSet,
    fabric: Fabric,
    state: TrainState,
    moves: tuple[Objective, Schedule, Batches],
    noise: Source,
    sinks: Sequence[Sink],
    say: Say,
) -> Iterator[Running]:
    plan = recipe.training
    recorded: list[Sink] = []
    tensorboard = None
    if fabric.is_global_zero:
        watch = _watch(recipe, data, run, state, say)
        tensorboard = TensorBoard(run.events, state.step + 1)
        recorded = [run.journal.append, tensorboard, watch]
    scalars = _scalars(recipe, data, fabric, run, [*recorded, *sinks])
    checkpoints = Checkpoints(run, fabric, plan.checkpoint_every, scalars)
    followed = Pictures(run, fabric, data.test.spread(PICTURED).to(fabric.device), data.levels, recipe.seed)
    pictures = every(plan.pictures_every, followed)
    last = partial(keep_sigma, run, state, moves[2].images, fabric)
    try:
        yield Running(recipe, run, state, *moves, scalars, checkpoints, pictures, noise, last)
    finally:
        if tensorboard:
            with suppress(OSError):  # what it cannot write any more is in the journal, and a full disk was told already
                tensorboard.close()


def _watch(recipe: Recipe, data: ImageSet, run: Run, state: TrainState, say: Say) -> RunWatch:
    model = state.network
    told = cautions(recipe, data.shape)
    watch = RunWatch(run, model.likelihood, recipe.training.steps, say, has_rate=model.has_rate, cautions=told)
    saving(run, "What the run warns of", watch.begin)
    return watch


def _begin(recipe: Recipe, data: ImageSet, fabric: Fabric) -> TrainState:
    # the model moves first, since some optimisers make their state where weights are
    model = build.model(recipe, data).to(fabric.device)
    wrapped, optimizer = fabric.setup(model, build.optimizer(recipe, model))
    ema = Ema(model, recipe.training.ema) if recipe.training.ema else None
    return TrainState(wrapped, optimizer, build.objective(recipe).initial(), ema)


def _provenance(recipe: Recipe, data: ImageSet, fabric: Fabric, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": recipe.fingerprint,
        "seed": recipe.seed,
        "data": {
            "name": data.name,
            "note": data.note,
            "shape": list(data.shape),
            "levels": data.levels,
            "splits": {
                name: {"images": len(images), "from": data.sources.get(name), "fingerprint": images.fingerprint()}
                for name, images in data.splits.items()
            },
        },
        "machine": describe() | {"device": str(fabric.device), "processes": fabric.world_size, **told},
    }


def _go_back(fabric: Fabric, run: Run, recipe: Recipe, state: TrainState) -> None:
    """Bring `state`, and what the run wrote beside its checkpoints, back to the newest one, or to the very beginning."""
    if run.checkpoint_steps():
        together(fabric, lambda: restore(run, fabric, state))
    once(fabric, lambda: (run.journal.cut_after(state.step), run.save_recipe(dump(recipe))))


def _scalars(recipe: Recipe, data: ImageSet, fabric: Fabric, run: Run, sinks: Sequence[Sink]) -> Scalars:
    return Scalars(
        fabric,
        run,
        build.objective(recipe),
        probe=data.test.spread(PROBED).to(fabric.device),
        trained=data.train.spread(TRAINED).to(fabric.device),
        levels=data.levels,
        batch_size=recipe.training.batch_size,
        interval=recipe.training.log_every,
        sinks=sinks,
        last=recipe.training.steps,
        validation=validation(recipe, data, fabric),
    )
