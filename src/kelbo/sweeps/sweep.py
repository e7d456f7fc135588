"""A sweep from its definition to its trained lanes, in a folder that can be gone on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.errors import RunError, SweepFailed
from kelbo.recipes.files import dump, parse_text
from kelbo.recipes.schema import Recipe
from kelbo.runs import Sweep
from kelbo.sweeps.grid import Lane, grid
from kelbo.sweeps.jobs import Job, Outcome, Watch, unheard
from kelbo.sweeps.lane import finished, train_lane
from kelbo.sweeps.queue import work_off

WorkOff = Callable[..., list[Outcome]]
"""`work_off`, or another with its face that sends the jobs elsewhere."""


class Laid(NamedTuple):
    """A sweep's folder and its lanes."""

    sweep: Sweep
    lanes: list[Lane]

    def unfinished(self) -> list[Lane]:
        """The lanes that still have steps to do."""
        return [lane for lane in self.lanes if not finished(lane.recipe, self.sweep.run(lane.name).path)]


def lay(recipe: Recipe, over: Sequence[str], seeds: Sequence[int], out: Path, *, resume: bool = False) -> Laid:
    """A sweep's folder for these lanes (see `grid`): made in a new or empty folder, or with resume found as it was made.

    RunError where the folder holds something else, or with resume another sweep. RecipeError: see `grid`.
    """
    lanes = grid(recipe, over, seeds)
    definition = {
        "recipe": dump(recipe),
        "over": list(over),
        "seeds": [*dict.fromkeys(lane.seed for lane in lanes)],
        "lanes": [
            {"name": a.name, "settings": a.settings, "seed": a.seed, "recipe": a.recipe.fingerprint} for a in lanes
        ],
    }
    if not (resume and Sweep(out).definition_path.exists()):
        return Laid(Sweep.create(out, definition), lanes)
    sweep = Sweep.open(out)
    if sweep.definition()["lanes"] != definition["lanes"]:
        raise RunError(
            f"The sweep in {out} has other lanes: it is {_told(sweep.definition())}; now asked for is {_told(definition)}. "
            "Resume it with its own, or choose another --out."
        )
    return Laid(sweep, lanes)


def found(out: Path) -> Laid:
    """The sweep in a folder. RunError where there is none."""
    sweep = Sweep.open(out)
    told = sweep.definition()
    return Laid(sweep, grid(parse_text(told["recipe"], sweep.definition_path), told["over"], told["seeds"]))


def train_lanes(
    laid: Laid,
    *,
    watch: Watch = unheard,
    work: WorkOff = work_off,
    call: Callable[..., object] = train_lane,
    **how: Any,
) -> list[Outcome]:
    """Train what is unfinished, each lane a job; how each ended is kept in the sweep's folder. The others' outcomes follow.

    work: where jobs are worked off, with the options `how`. call: what trains a lane, with `train_lane`'s arguments. RunError
    where another process runs this sweep; Interrupted after a signal, once what was running is saved.
    """
    sweep = laid.sweep
    with sweep.held():
        jobs = [Job(a.name, call, (a.recipe, sweep.run(a.name).path)) for a in laid.unfinished()]

        def keep(name: str, told: dict[str, Any]) -> None:
            if told.get("state") in ("done", "failed"):
                sweep.save_status(name, status_of(told))
            watch(name, told)

        return work(jobs, watch=keep, log=sweep.log, **how)


def status_of(told: dict[str, Any]) -> dict[str, Any]:
    """How a lane ended, as it is kept: done, diverged, stopped or failed, and why."""
    if told["state"] == "done":
        return {"state": "done", "error": None}
    states = {"Divergence": "diverged", "Interrupted": "stopped"}
    return {"state": states.get(told.get("kind", ""), "failed"), "error": told.get("error")}


def require_all_done(laid: Laid) -> None:
    """SweepFailed, with each lane's reason, where some lane did not reach its end."""
    missing = laid.unfinished()
    if not missing:
        return
    reasons = [f"{a.name}: {(laid.sweep.status(a.name) or {}).get('error') or 'not begun'}" for a in missing]
    raise SweepFailed(
        f"{len(missing)} of {len(laid.lanes)} lanes did not finish. " + " ".join(f"[{reason}]" for reason in reasons)
    )


def _told(definition: dict[str, Any]) -> str:
    over = "; ".join(definition["over"]) or "no setting varied"
    return f"{over}; seeds {', '.join(map(str, definition['seeds']))} ({len(definition['lanes'])} lanes)"
