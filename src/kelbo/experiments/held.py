"""Whether a run comes to its target: rules on the rows of a run whose objective holds one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from kelbo.experiments.diagnosis import BEGUN, ERRORS, FIRST, ROWS, TREND, WINDING, tolerance
from kelbo.experiments.findings import Finding, finding
from kelbo.experiments.stretch import Stretch
from kelbo.recipes.objective_specs import TargetSpec
from kelbo.runs.journal import Row

if TYPE_CHECKING:
    from kelbo.objectives.targets import Held


class TargetReading(NamedTuple):
    """One row's means: what is held, its target, the multiplier and how often it lay on an end of its range.

    in_unit: what is held less its target in the unit of the target, if that is not squared error or nats.
    """

    step: int
    held: Held
    value: float
    target: float
    multiplier: float
    clamped: float
    in_unit: float | None

    @property
    def distance(self) -> float:
        return abs(self.value - self.target)

    @property
    def near(self) -> float:
        return tolerance(self.held, self.target)

    @property
    def kind(self) -> Literal["above", "below", "near", "moving"]:
        if self.distance <= self.near:
            return "near"
        return "moving" if self.clamped < 0.5 else "above" if self.value > self.target else "below"

    @property
    def log_odds(self) -> float:
        """Of the multiplier, as far as the journal's digits tell it."""
        inside = min(max(self.multiplier, 1e-9), 1 - 1e-9)
        return math.log(inside / (1 - inside))


def reading(row: Row, spec: TargetSpec) -> TargetReading | None:
    """None if the row has no finite numbers of a target."""
    found = [row.get(name) for name in ("target", "slack", "multiplier", "clamp_active")]
    step = row["step"]
    if step is None or any(value is None or not math.isfinite(value) for value in found):
        return None
    target, slack, multiplier, clamped = (float(value or 0.0) for value in found)
    # only targets that are squared errors have rows with one, bits/dim of a Gaussian among them
    errors = "squared_error" in row or spec.unit in ("squared_error", "psnr")
    held: Held = "rate" if spec.kind == "rate_target" else "squared_error" if errors else "distortion"  # pyright: ignore[reportAttributeAccessIssue]
    in_unit = row.get(f"slack_{spec.unit}")
    return TargetReading(int(step), held, target + slack, target, multiplier, clamped, in_unit)


def targets(recent: Stretch[TargetReading], spec: TargetSpec) -> Finding | None:
    """Judge a run in training by its target after the latest row."""
    now, steps = recent.now, recent.steps
    last = now.step >= steps
    if now.step < FIRST or _holds(recent) or (spec.start is not None and not last):
        return None
    stuck = now.kind != "moving" and recent.all(now.kind, inside=last)
    if stuck and (last or (now.step >= BEGUN * steps and len(recent) >= ROWS and not _arrives(recent))):
        return _out_of_reach(now, spec, now.step)
    return _missed(now, spec, now.step) if last else None


def judged(rows: Iterable[Row], spec: TargetSpec, steps: int, test: Mapping[str, Any] | None) -> list[Finding]:
    """Judge a trained run by its target; [] if its rows tell of none.

    rows: of its journal up to the weights that are judged; test: what an evaluation of these tells of the target.
    """
    recent: Stretch[TargetReading] = Stretch(steps, TREND, ROWS)
    for row in rows:
        if (found := reading(row, spec)) is not None:
            recent.add(found)
    if not len(recent):
        return []
    now = recent.now
    if not _holds(recent):
        stuck = now.kind != "moving" and recent.all(now.kind)
        return [_out_of_reach(now, spec, None) if stuck else _missed(now, spec, None)]
    fields = _fields(now, spec) | {"multiplier": now.multiplier, "test": test and test["value"]}
    if (moved := _moved(recent)) is not None and abs(moved) > WINDING:
        return [finding("target-winding", "warning", **fields, log_odds=moved)]
    if test is not None and _apart(test, now):
        return [finding("target-missed-on-test", "warning", **fields)]
    return [finding("target-held", "fine", **fields)]


def _holds(recent: Stretch[TargetReading]) -> bool:
    """Whether the latest row holds the target, or the stretch does on average: of small batches a row alone swings about it."""
    if recent.now.kind == "near":
        return True
    slacks = [one.value - one.target for one in recent.readings]
    if len(slacks) < ROWS or min(slacks) > 0 or max(slacks) < 0:
        return False
    error = statistics.stdev(slacks) / math.sqrt(len(slacks))
    return abs(statistics.fmean(slacks)) <= max(recent.now.near, 2 * error)


def _fields(now: TargetReading, spec: TargetSpec) -> dict[str, Any]:
    unit = {"unit": None if now.in_unit is None else spec.unit, "in_unit": now.in_unit}
    return {"held": now.held, "value": now.value, "target": now.target, "distance": now.distance, **unit}


def _out_of_reach(now: TargetReading, spec: TargetSpec, step: int | None) -> Finding:
    fields = {**_fields(now, spec), "form": spec.form, "multiplier": now.multiplier, "step": step}
    return finding("target-out-of-reach", "warning", **fields)


def _missed(now: TargetReading, spec: TargetSpec, step: int | None) -> Finding:
    return finding("target-missed", "warning", **_fields(now, spec), form=spec.form, step=step)


def _moved(recent: Stretch[TargetReading]) -> float | None:
    """How far the multiplier's log-odds moved over the stretch, between its halves; None if it has too few rows."""
    odds = [one.log_odds for one in recent.readings]
    if len(odds) < ROWS:
        return None
    half = len(odds) // 2
    return 2 * (statistics.fmean(odds[-half:]) - statistics.fmean(odds[:half]))


def _apart(test: Mapping[str, Any], now: TargetReading) -> bool:
    """Whether test examples lie farther above the target than counts as held, and than their noise explains."""
    above = test["value"] - now.target
    return above > max(now.near, ERRORS * (test["standard_error"] or 0.0))


def _arrives(recent: Stretch[TargetReading]) -> bool:
    """Whether the target is reached before the last step at the speed since the first reading."""
    first, now = recent.first, recent.now
    fallen = first.distance - now.distance
    return fallen > 0 and (now.distance - now.near) * (now.step - first.step) <= fallen * (recent.steps - now.step)
