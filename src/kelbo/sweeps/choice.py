"""Whether a sweep's lanes train faster as one stacked program or each in its own process, measured by a short probe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch

from kelbo.container import processors
from kelbo.data.batches import Batches
from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.eager import plain_autograd
from kelbo.errors import RecipeError
from kelbo.experiments.guards import require_same_precision
from kelbo.experiments.running import beginning
from kelbo.machine import suit_process
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.seeds import Source, drawing_from, seeded
from kelbo.shortage import is_shortage
from kelbo.sweeps.queue import workers_here
from kelbo.sweeps.stackable import require_lanes, stackable
from kelbo.sweeps.stacked_step import StackedLane, Step
from kelbo.training import TrainState, Update, fit

ROUNDS, SECONDS = 3, 0.2
"""A probe alternates between both ways, for at least one step and this many seconds a round; the best round counts."""

TRIED = 8
"""lanes that a probe stacks on a CPU: more do not raise its speed, but cost memory and time"""


class Choice(NamedTuple):
    """How to train, and why in one sentence. Speeds are of all lanes together; None if nothing was measured."""

    how: Literal["stack", "queue"]
    why: str
    stacked_images_per_second: float | None = None
    queue_images_per_second: float | None = None


@plain_autograd()
def choose(recipes: Sequence[Recipe], *, fabric: Fabric | None = None, workers: int | None = None) -> Choice:
    """The faster way for lanes that stack, by a short probe of both on this machine; the queue for others.

    fabric: one device, in the recipes' precision; the best available by default. workers: processes of the queue; by default
    as many as `work_off` would start. Raises RecipeError and DataError if not even the first lane can be made, and
    RecipeError if fabric computes in another precision.
    """
    if len(recipes) < 2:
        return Choice("queue", "A single lane has nothing to stack with.")
    try:
        stackable(recipes)
    except RecipeError as error:
        return Choice("queue", str(error).split(" Stacked lanes", 1)[0])
    fabric = fabric or Fabric(accelerator="auto", devices=1, precision=recipes[0].training.precision)
    require_same_precision(recipes[0], fabric)
    workers = min(workers or workers_here(len(recipes)), len(recipes))
    threads = max(1, processors() // workers)
    suit_process()
    try:
        with drawing_from(Source(recipes[0].seed)):
            tried = recipes if fabric.device.type == "cuda" else recipes[:TRIED]
            stacked, alone = _tried(tried, fabric, threads)
    except Exception as error:
        if not is_shortage(error):
            raise
        return Choice("queue", f"{len(recipes)} stacked lanes do not fit into the memory of {fabric.device}.")
    finally:
        if fabric.device.type == "cuda":
            torch.cuda.empty_cache()  # the queue's processes need it
    size = recipes[0].training.batch_size
    together, queued = stacked * size * len(tried), alone * size * lanes_at_once(len(recipes), workers)
    how = "stack" if together > queued else "queue"
    processes = f"{workers} process{'es' if workers > 1 else ''} of {threads} thread{'s' if threads > 1 else ''}"
    why = f"A short probe: stacked {together:,.0f} images/s, the queue's {processes} {queued:,.0f} images/s."
    return Choice(how, why, together, queued)


def lanes_at_once(lanes: int, workers: int) -> float:
    """How many lanes the queue trains at a time, on average: in its last round some workers may be idle."""
    return lanes / -(-lanes // workers)


def _tried(recipes: Sequence[Recipe], fabric: Fabric, threads: int) -> tuple[float, float]:
    """Steps per second of all lanes as one program, and of the first lane alone with this many threads."""
    data = build.data(recipes[0])
    stacked, alone = _stacked(recipes, data, fabric), one_lane(recipes[0], data, fabric)[1]
    stacked()
    alone()
    pairs = [(_speed(stacked, fabric), _speed(alone, fabric, threads)) for _ in range(ROUNDS)]
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def _stacked(recipes: Sequence[Recipe], data: ImageSet, fabric: Fabric) -> Callable[[], object]:
    """A function that takes a step of all lanes, on images of the first."""
    batches = Batches(data.train, recipes[0].training.batch_size, recipes[0].seed, fabric.device)
    lanes = [
        StackedLane(state, require_lanes(recipe.name, state.network, update), batches.at(0), Source(recipe.seed))
        for recipe in recipes
        for state, update in [_begun(recipe, data, fabric)]
    ]
    return Step(fabric, lanes, data.levels)


def one_lane(recipe: Recipe, data: ImageSet, fabric: Fabric) -> tuple[TrainState, Callable[[], object]]:
    """A new lane, and a function that trains it for one step by the loop of a single run."""
    state, update = _begun(recipe, data, fabric)
    order = Batches(data.train, recipe.training.batch_size, recipe.seed, fabric.device)
    batches = (batch.as_intensities(data.levels) for batch in order)
    return state, lambda: fit(state, update, batches, state.step + 1)


def _begun(recipe: Recipe, data: ImageSet, fabric: Fabric) -> tuple[TrainState, Update]:
    with seeded(recipe.seed, "init"):
        return beginning(recipe, data, fabric)


def _speed(step: Callable[[], object], fabric: Fabric, threads: int | None = None) -> float:
    """Steps per second with this many threads."""
    with _threads(threads):
        count, begun = 0, _now(fabric)
        while count == 0 or time.perf_counter() - begun < SECONDS:
            step()
            count += 1
        return count / (_now(fabric) - begun)


def _now(fabric: Fabric) -> float:
    """Seconds, once the device has finished its work."""
    if fabric.device.type != "cpu":
        torch.accelerator.synchronize(fabric.device)
    return time.perf_counter()


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
