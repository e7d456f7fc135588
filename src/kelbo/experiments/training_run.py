"""From a recipe to a trained run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import failing_together, once
from kelbo.eager import plain_autograd
from kelbo.experiments.companions import copied_runs
from kelbo.experiments.guards import (
    held_by_first,
    require_own_parts,
    require_same_data,
    require_same_precision,
    require_same_recipe,
    require_whole_shares,
)
from kelbo.experiments.latent_scale import keep_statistics
from kelbo.experiments.parts import BUILD, Parts
from kelbo.experiments.running import running
from kelbo.experiments.starting import Taken, read_start, require_another_run
from kelbo.experiments.watch import Warn
from kelbo.machine import suit_process
from kelbo.recipes.files import located
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run
from kelbo.shortage import memory_for
from kelbo.training import Hook, StopOnSignal, fit
from kelbo.training.compiling import compiling_told
from kelbo.training.hooks import Sink

Inspect = Callable[[ImageSet], None]
"""Looks at the images that a run is about to be trained on."""
Begun = Callable[[Taken], None]
"""Looks at what a run has taken of another one's weights."""


@plain_autograd()
def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    fabric: Fabric | None = None,
    sinks: Sequence[Sink] = (),
    hooks: Sequence[Hook] = (),
    warn: Warn = lambda _: None,
    inspect: Inspect = lambda _: None,
    begun: Begun = lambda _: None,
    parts: Parts = BUILD,
) -> Run:
    """Train `recipe` in the folder `out` and return the run.

    resume: continue from the newest checkpoint of the run in `out`, whose recipe must be the same but for a larger
    training.steps. fabric: where to train, in the recipe's precision; by default one device, the best available. sinks take
    each row of scalars and hooks are called after each step, besides the run's own. warn takes each warning (that the decoder's
    σ is not its error, say) as text, once; the run keeps them too. inspect is given the images, read before anything is made.
    begun is given what was taken of the run that the recipe begins from (start), which the provenance keeps too.
    parts: make model, data and update of the recipe.

    Raises RunError (the folder exists; nothing to resume; another recipe or other parts; the run to begin from is absent or
    does not fit), Locked (another process trains this run; nothing is written then), DataError, RecipeError, Divergence, and
    Interrupted after a signal, once the present step is saved. Several processes raise one error, of the first to fail.
    """
    fabric = fabric or Fabric(accelerator="auto", devices=1, precision=recipe.training.precision)
    with failing_together(fabric):
        return _train(recipe, out, resume, fabric, sinks, hooks, warn, inspect, begun, parts)


def _train(
    recipe: Recipe,
    out: Path,
    resume: bool,
    fabric: Fabric,
    sinks: Sequence[Sink],
    hooks: Sequence[Hook],
    warn: Warn,
    inspect: Inspect,
    begun: Begun,
    parts: Parts,
) -> Run:
    suit_process()
    recipe = located(recipe)
    require_same_precision(recipe, fabric)
    require_whole_shares(recipe, fabric.world_size)
    require_another_run(recipe, out)
    if resume:
        recipe = require_same_recipe(recipe, out)
        require_own_parts(Run.open(out), parts)
    else:
        once(fabric, lambda: Run.require_free(out))
    with held_by_first(Run(out), fabric):  # before the images are read, which may take minutes
        start = read_start(recipe, out, fabric, resume=resume)
        data = parts.data(recipe)
        if resume:
            require_same_data(Run.open(out), data)
        inspect(data)
        others = nullcontext() if resume else copied_runs(recipe, Run(out), fabric, parts)
        more: dict[str, Any] = {"sinks": sinks, "warn": warn, "parts": parts, "start": start}
        with others, running(recipe, out, data, fabric, resume=resume, **more) as it:
            if it.taken is not None:
                begun(it.taken)
            steps = recipe.training.steps
            batches = (batch.as_intensities(data.levels) for batch in it.batches.at(it.state.step))
            told = compiling_told(recipe.training.compile)
            with told, memory_for(*_batches(recipe)), StopOnSignal(fabric, it.checkpoints, steps) as stop:
                fit(it.state, it.update, batches, steps, [*it.hooks, *hooks, stop])
            it.finish()
        keep_statistics(it.run, it.state.network, data, fabric, parts)
        return it.run


def _batches(recipe: Recipe) -> tuple[str, str]:
    """For what training wants memory, and what to do if there is too little."""
    size, parts = recipe.training.batch_size, recipe.training.accumulate
    what = f"training on batches of {size:,} examples" + (f" in {parts:,} parts" if parts > 1 else "")
    return what, "Lower training.batch_size, raise training.accumulate, or end other programs; what was saved is kept."
