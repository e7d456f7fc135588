"""How a sweep's lanes are trained: as one program, by processes of this machine, or on a cluster."""

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
"""smallest share of a processor or an accelerator that a lane may ask for"""


class LaneOptions(NamedTuple):
    """What a user asks for.

    how      "auto" stacks if the lanes can be stacked and a short probe measures it faster than the queue
    on       "ray" or "ray:ADDRESS" sends the queue there (see `work_off_on_ray`)
    workers  of the queue on this machine
    cpus     processors that a lane takes on Ray, and threads
    gpus     share of an accelerator that a lane takes on Ray
    """

    how: How = "auto"
    on: str | None = None
    workers: int | None = None
    cpus: float | None = None
    gpus: float | None = None

    @property
    def address(self) -> str | None:
        """The Ray cluster's address; None for a Ray on this machine alone."""
        return self.on.partition(":")[2] or None if self.on else None

    def require_sound(self) -> None:
        """RecipeError for an unknown cluster, and for choices that exclude each other whatever the lanes are."""
        if self.on is not None:
            return self._require_sound_on_cluster(self.on)
        for name, value in (("cpus", self.cpus), ("gpus", self.gpus)):
            if value is not None:
                raise RecipeError(
                    f"{name} of a lane ({value:g}) apply to Ray only. Send the lanes to Ray, or leave them out.",
                    remedy=("on",),
                )
        if self.how == "stack" and self.workers is not None:
            raise RecipeError(
                f"workers ({self.workers}) apply to the queue, and stacked lanes are one process. Leave one out.",
                remedy=("how", "workers"),
            )
        return None

    def _require_sound_on_cluster(self, on: str) -> None:
        engine, sign, address = on.partition(":")
        if engine != "ray" or (sign and not address):
            raise RecipeError(
                f"Lanes can be sent to ray or ray:ADDRESS (ray:HOST:6379, ray:auto); got {on!r}.", remedy=("on",)
            )
        if self.how == "stack":
            raise RecipeError(f"Lanes sent to {on} are queued there, not stacked. Leave one out.", remedy=("on", "how"))
        if self.workers is not None:
            raise RecipeError(
                f"Lanes sent to {on} have no workers here; got {self.workers}. Leave one out.", remedy=("on", "workers")
            )
        if self.cpus is not None and not LEAST <= self.cpus < math.inf:
            raise RecipeError(f"cpus of a lane must be {LEAST} or more; got {self.cpus:g}.", remedy=("cpus",))
        if self.gpus is not None and not (self.gpus == 0 or LEAST <= self.gpus <= 1):
            raise RecipeError(
                f"A lane trains on one accelerator: its gpus must be 0, or from {LEAST} to 1; got {self.gpus:g}.",
                remedy=("gpus",),
            )


class LaneEngine(NamedTuple):
    """work: trains lanes, with the signature of `work_off`. description: how and why, in one line."""

    work: Callable[..., list[Outcome]]
    description: str


def engine_for(recipes: Sequence[Recipe], folder: Path, options: LaneOptions) -> LaneEngine:
    """How to train these lanes, whose folders lie in `folder`. RecipeError if lanes that should be stacked differ too much."""
    options.require_sound()
    if options.on is not None:
        return _on_cluster(folder, options)
    if options.how == "stack":
        return _stacked(recipes, "stacked as one program")
    queue = partial(work_off, workers=options.workers)
    if options.how == "auto" and len(recipes) > 1:
        from kelbo.sweeps.choice import choose

        choice = choose(recipes, workers=options.workers)
        return (
            _stacked(recipes, f"stacked: {choice.why}")
            if choice.how == "stack"
            else LaneEngine(queue, f"queue: {choice.why}")
        )
    count = options.workers or workers_here(len(recipes))
    return LaneEngine(queue, f"queue of {count} process{'es' if count > 1 else ''}")


def _stacked(recipes: Sequence[Recipe], description: str) -> LaneEngine:
    from kelbo.sweeps.stackable import stackable
    from kelbo.sweeps.stacked import work_off_stacked

    stackable(recipes)
    return LaneEngine(work_off_stacked, description)


def _on_cluster(folder: Path, options: LaneOptions) -> LaneEngine:
    from kelbo.sweeps.cluster import work_off_on_ray

    share = {"cpus_per_job": 1 if options.cpus is None else options.cpus, "gpus_per_job": options.gpus}
    work = partial(work_off_on_ray, address=options.address, folder=folder, **share)
    return LaneEngine(work, f"queue on {f'Ray at {options.address}' if options.address else 'a Ray on this machine'}")
