"""Which way a sweep's lanes are trained: as one program, by processes of this machine, or on a cluster."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from kelbo.errors import RecipeError
from kelbo.recipes.schema import Recipe
from kelbo.sweeps.jobs import Outcome
from kelbo.sweeps.queue import work_off, workers_here

How = Literal["auto", "stack", "queue"]

LEAST = 0.01
"""of a processor or an accelerator, that a lane may be said to take"""


class Way(NamedTuple):
    """work trains lanes, with the face of `work_off`; told says in a line how and why."""

    work: Callable[..., list[Outcome]]
    told: str


class Share(NamedTuple):
    """What a lane takes of one of Ray's machines: processors, and of an accelerator; None as `work_off_on_ray` has it."""

    cpus: float | None = None
    gpus: float | None = None


def way(
    recipes: Sequence[Recipe],
    folder: Path,
    how: How = "auto",
    on: str | None = None,
    workers: int | None = None,
    share: Share | None = None,
) -> Way:
    """The way for these lanes, whose folders lie in `folder`.

    how: "auto" stacks where the lanes can be stacked and a short probe finds it faster than the queue. on: "ray" or
    "ray:ADDRESS" sends the queue there (see `work_off_on_ray`), share says what a lane takes there. workers: of the queue on
    this machine. RecipeError where lanes that differ are asked to stack, for another cluster than Ray, and for options of
    another way.
    """
    share = share or Share()
    if on is not None:
        return _on_cluster(folder, how, on, workers, share)
    if share != Share():
        name, value = ("cpus", share.cpus) if share.cpus is not None else ("gpus", share.gpus)
        raise RecipeError(f"--{name}-per-lane {value:g} is of lanes on Ray. Give --on ray too, or leave it out.")
    if how == "stack":
        from kelbo.sweeps.stackable import stackable
        from kelbo.sweeps.stacked import work_off_stacked

        if workers is not None:
            raise RecipeError(f"--workers {workers} is of the queue; stacked lanes are one process. Leave one out.")
        stackable(recipes)
        return Way(work_off_stacked, "stacked as one program")
    if how == "auto" and len(recipes) > 1:
        from kelbo.sweeps.choice import choose

        choice = choose(recipes, workers=workers)
        if choice.how == "stack":
            return way(recipes, folder, "stack")._replace(told=f"stacked: {choice.why}")
        return Way(partial(work_off, workers=workers), f"queue: {choice.why}")
    count = workers or workers_here(len(recipes))
    return Way(partial(work_off, workers=workers), f"queue of {count} process{'es' if count > 1 else ''}")


def _on_cluster(folder: Path, how: How, on: str, workers: int | None, share: Share) -> Way:
    from kelbo.sweeps.cluster import work_off_on_ray

    engine, sign, address = on.partition(":")
    if engine != "ray" or (sign and not address):
        raise RecipeError(f"--on takes ray or ray:ADDRESS (ray:HOST:6379, ray:auto); got {on!r}.")
    if how == "stack" or workers is not None:
        other = "--how stack" if how == "stack" else f"--workers {workers}"
        raise RecipeError(f"--on {on} sends a queue of lanes to Ray, which does not go with {other}. Leave one out.")
    cpus, gpus = 1 if share.cpus is None else share.cpus, share.gpus
    if not LEAST <= cpus < math.inf:
        raise RecipeError(f"--cpus-per-lane must be {LEAST} or more; got {cpus:g}.")
    if gpus is not None and not (gpus == 0 or LEAST <= gpus <= 1):
        raise RecipeError(
            f"A lane trains on one accelerator: --gpus-per-lane is 0, or from {LEAST} to 1; got {gpus:g}."
        )
    work = partial(work_off_on_ray, address=address or None, folder=folder, cpus_per_job=cpus, gpus_per_job=gpus)
    return Way(work, f"queue on {f'Ray at {address}' if address else 'a Ray of this machine'}")
