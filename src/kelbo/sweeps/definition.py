"""A sweep from its definition to its trained lanes, in a folder from which it can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from kelbo.errors import Interrupted, Remedy, RunError, SweepFailed
from kelbo.experiments.starting import read_start, with_start
from kelbo.recipes.files import change, continuing, differences, dump, located, parse_text, setting_of
from kelbo.recipes.schema import Recipe
from kelbo.runs import Sweep
from kelbo.sweeps.grid import Lane, axis, grid
from kelbo.sweeps.jobs import Job, Outcome, Watch, ignore_reports
from kelbo.sweeps.lane import finished, train_lane
from kelbo.sweeps.queue import work_off

WorkOff = Callable[..., list[Outcome]]
"""`work_off`, or a function with its signature that sends the jobs elsewhere."""


class PreparedSweep(NamedTuple):
    """A sweep's folder and its lanes."""

    sweep: Sweep
    lanes: list[Lane]

    def reading(self, root: Path) -> PreparedSweep:
        """The same lanes, whose data are at `root` now. RecipeError if their data have no place."""
        place = setting_of("data.root", root.resolve())
        return self._replace(lanes=[lane._replace(recipe=change(lane.recipe, [place])) for lane in self.lanes])

    def unfinished(self) -> list[Lane]:
        """The lanes without a checkpoint of their last step."""
        return [lane for lane in self.lanes if not finished(lane.recipe, self.sweep.run(lane.name).path)]

    def diverged(self) -> list[Lane]:
        """The unfinished lanes that diverged. They would diverge again: a lane is the same run however often it is started."""
        return [lane for lane in self.unfinished() if self._diverged(lane)]

    def to_train(self, retry_diverged: bool = False) -> list[Lane]:
        """The unfinished lanes; diverged ones only with retry_diverged."""
        return [lane for lane in self.unfinished() if retry_diverged or not self._diverged(lane)]

    def _diverged(self, lane: Lane) -> bool:
        return (self.sweep.status(lane.name) or {}).get("state") == "diverged"


def prepare_sweep(
    recipe: Recipe, over: Sequence[str], seeds: Sequence[int], out: Path, *, resume: bool = False
) -> PreparedSweep:
    """A sweep's folder for these lanes (see `grid`): made in a new or empty folder, or with resume opened as it was made.

    All lanes begin from one state of the run that the recipe begins from, unless that is varied. RunError if the folder holds
    something else, or with resume another sweep, or there is no such run. RecipeError: see `grid`.
    """
    recipe = located(recipe)
    before = find_sweep(out) if resume and Sweep(out).definition_path.exists() else None
    if before is not None:
        recipe = continuing(recipe, recipe_of(before.sweep))
    elif not any(axis(text).path.startswith("start") for text in over):
        recipe = with_start(recipe, read_start(recipe, out))
    lanes = grid(recipe, over, seeds)
    definition = {
        "recipe": dump(recipe),
        "over": list(over),
        "seeds": [*dict.fromkeys(lane.seed for lane in lanes)],
        "lanes": _lines(lanes),
    }
    if before is None:
        return PreparedSweep(Sweep.create(out, definition), lanes)
    sweep = before.sweep
    if _lines(before.lanes) != definition["lanes"]:
        raise RunError(
            f"The sweep in {out} has other lanes: it has {_summary(sweep.definition())}; you asked for {_summary(definition)}"
            f"{_changed(sweep, recipe)}. Resume it with its own lanes, or choose another folder.",
            remedy=("resume", "out"),
        )
    return PreparedSweep(sweep, lanes)


def find_sweep(out: Path) -> PreparedSweep:
    """The sweep in a folder. RunError if there is none."""
    sweep = Sweep.open(out)
    definition = sweep.definition()
    return PreparedSweep(sweep, grid(recipe_of(sweep), definition["over"], definition["seeds"]))


def recipe_of(sweep: Sweep) -> Recipe:
    """The recipe that a sweep varies. RunError or RecipeError if the folder holds none that can be read."""
    return parse_text(Sweep.open(sweep.path).definition()["recipe"], sweep.definition_path, kept=True)


def train_lanes(
    prepared: PreparedSweep,
    *,
    watch: Watch = ignore_reports,
    work: WorkOff = work_off,
    retry_diverged: bool = False,
    **how: Any,
) -> list[Outcome]:
    """Train the unfinished lanes, one job each, and return the jobs' outcomes; the sweep's folder keeps how each lane ended.

    A lane that diverged is left alone: it would take the same steps again. retry_diverged: resume it from its last checkpoint
    anyway, because something other than its recipe has changed that rounds differently: the hardware, the versions, or
    whether lanes are stacked. work: runs the jobs, with the options `how`.
    Locked if another process runs this sweep, RunError if it has made another one here; Interrupted after a signal, once the
    running lanes are saved.
    """
    sweep = prepared.sweep
    with sweep.held(), _saying_how_to_resume(sweep):
        if _lines(find_sweep(sweep.path).lanes) != _lines(prepared.lanes):
            raise RunError(
                f"Another command has just created another sweep in {sweep.path}. Choose another folder.",
                remedy=("out",),
            )
        jobs = [Job(a.name, train_lane, (a.recipe, sweep.run(a.name).path)) for a in prepared.to_train(retry_diverged)]

        def keep(name: str, report: dict[str, Any]) -> None:
            save_status(sweep, name, report)
            watch(name, report)

        return work(jobs, watch=keep, log=sweep.log, **how)


def save_status(sweep: Sweep, lane: str, report: dict[str, Any]) -> None:
    """If a lane has ended, keep how in the sweep's folder: done, diverged, stopped or failed, and why."""
    if report.get("state") not in ("done", "failed"):
        return
    status: dict[str, Any] = {"state": "done", "error": None}
    if report["state"] == "failed":
        state = {"Divergence": "diverged", "Interrupted": "stopped"}.get(report.get("kind", ""), "failed")
        status = {"state": state, "error": report.get("error"), "remedy": list(report.get("remedy", ()))}
    with suppress(OSError):  # on a full disk the lane's own error, which is reported, matters more
        sweep.save_status(lane, status)


def require_all_done(prepared: PreparedSweep, outcomes: Sequence[Outcome] = ()) -> None:
    """SweepFailed if some lane is unfinished, with each one's reason: from its outcome, else from the folder."""
    missing = prepared.unfinished()
    if not missing:
        return
    ended = {outcome.name: {"error": outcome.error, "remedy": outcome.remedy} for outcome in outcomes if outcome.error}
    known = {lane.name: ended.get(lane.name) or prepared.sweep.status(lane.name) or {} for lane in missing}
    advice, remedy = _how_again(prepared, len(missing))
    raise SweepFailed(
        f"{len(missing)} of {len(prepared.lanes)} lanes did not finish. "
        + " ".join(f"[{name}: {status.get('error') or 'not begun'}]" for name, status in known.items())
        + (f" Their output is in {prepared.sweep.logs}." if prepared.sweep.logs.is_dir() else "")
        + f" {advice}",
        remedy=tuple(dict.fromkeys([*(code for each in known.values() for code in each.get("remedy", ())), *remedy])),
    )


def _how_again(prepared: PreparedSweep, missing: int) -> tuple[str, tuple[Remedy, ...]]:
    """What to do about unfinished lanes, and the arguments for it."""
    again, diverged = f"Resuming the sweep in {prepared.sweep.path}", len(prepared.diverged())
    if not diverged:
        return f"{again} tries them again.", ("resume",)
    if diverged < missing:
        what = "tries again those that did not diverge, or all of them if diverged lanes are retried"
        return f"{again} {what}.", ("resume", "retry_diverged")
    what = (
        "trains them only if diverged lanes are retried, and they would diverge again on the same hardware and versions"
    )
    return f"{again} {what}.", ("resume", "retry_diverged")


@contextmanager
def _saying_how_to_resume(sweep: Sweep) -> Iterator[None]:
    """Add the folder to resume from to an interruption."""
    try:
        yield
    except Interrupted as error:
        raise Interrupted(f"{error} Resume the sweep in {sweep.path} to continue.", remedy=("resume",)) from error


def _lines(lanes: Sequence[Lane]) -> list[dict[str, Any]]:
    """Lanes as sweep.json lists them."""
    return [{"name": a.name, "settings": a.settings, "seed": a.seed, "recipe": a.recipe.fingerprint} for a in lanes]


def _changed(sweep: Sweep, recipe: Recipe) -> str:
    """How the sweep's recipe differs from this one, "" if it does not."""
    changed = differences(recipe_of(sweep), recipe)
    return f"; of the recipe {', '.join(changed)}" if changed else ""


def _summary(definition: dict[str, Any]) -> str:
    over = "; ".join(definition["over"]) or "no setting varied"
    return f"{over}; seeds {', '.join(map(str, definition['seeds']))} ({len(definition['lanes'])} lanes)"
