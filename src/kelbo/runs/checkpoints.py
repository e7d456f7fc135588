"""Which checkpoints a run has, and which is the best: what a list of runs asks, without opening any weights.

Training removes old checkpoints, so the newest folder may be gone before all its files are read. Then the newest one is
read from the start.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from kelbo.errors import Damaged, RunError
from kelbo.runs.record import Run
from kelbo.runs.writing import read_json

FORMAT = 2
"""of a checkpoint; in format 1 there was one optimiser, without a name"""
READ = (1, 2)

TRIES = 100
"""times that a checkpoint may be removed while it is read, before the reader gives up"""

Which = Literal["last", "best"]
"""checkpoint: the newest, or the best on validation images"""

By = Literal["bound", "distance", "rate", "distortion"]
"""what the best one is judged by: −ELBO, or the distortion if there is no rate; of a run that is held at a target the least
rate, or distortion, of those checkpoints that hold it, and the distance to it while none does"""
CHOSEN: dict[By, str] = {
    "bound": "",
    "distance": "the nearest to the target, which none holds",
    "rate": "the least rate of those that hold the target",
    "distortion": "the least distortion of those that hold the target",
}
"""in words, where it is not the bound"""

Result = TypeVar("Result")


class Best(NamedTuple):
    """The checkpoint that is best on validation images so far: its step, its cost, and of what that is.

    Costs are nats per image; a distance to a squared error is a squared error.
    """

    step: int
    cost: float
    by: By = "bound"


def best(run: Run) -> Best | None:
    """The best checkpoint on validation images; None if the run has none, or no checkpoint yet."""
    if not run.checkpoint_steps():
        return None
    return of_one(run, "last", lambda place: best_of(run, header_of(place)))


def of_one(run: Run, which: Which, read: Callable[[Path], Result]) -> Result:
    """The result of `read` on a checkpoint's folder, all of it from that one folder."""
    for _ in range(TRIES):
        place = newest(run) if which == "last" else _best_place(run)
        try:
            number = place.stat().st_ino
            found = read(place)
            if place.stat().st_ino == number:
                return found
        except (OSError, Damaged):
            if place.exists() and place == (newest(run) if which == "last" else _best_place(run)):
                raise
    raise RunError(f"The checkpoints of {run.path} are replaced faster than they can be read. Try again later.")


def _best_place(run: Run) -> Path:
    found = best(run)
    if found is None:
        newest(run)  # raises if there is no checkpoint at all
        raise RunError(
            f"{run.path} has no best checkpoint: its data have no validation split, or it was trained by an older version. "
            "Take the last one.",
            remedy=("checkpoint",),
        )
    return run.checkpoint(found.step)


def newest(run: Run) -> Path:
    """The folder of the newest complete checkpoint. RunError if there is none."""
    steps = run.checkpoint_steps()
    if not steps:
        raise RunError(
            f"{run.path} has no checkpoint yet. If the run is in training, wait for the first one. If it ended before that, "
            "resume it, or train it again in a new folder.",
            remedy=("resume",),
        )
    return run.checkpoint(steps[-1])


def header_of(place: Path) -> dict[str, Any]:
    """The header (state.json) of a checkpoint. Damaged if it cannot be read."""
    header = read_json(place / "state.json")
    if header.get("format") not in READ:
        raise Damaged(
            f"{place} has checkpoint format {header.get('format')}; this version of kelbo reads {' and '.join(map(str, READ))}."
        )
    return header


def best_of(run: Run, header: dict[str, Any]) -> Best | None:
    """The best checkpoint named in the header of a later one; None if it names none, or its folder is gone."""
    match header.get("best"):
        case {"step": int(step), "cost": float(cost)} if step in run.checkpoint_steps():
            return Best(step, cost, header["best"].get("by", "bound"))
        case _:
            return None
