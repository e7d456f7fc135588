"""Whether a run comes to its target: a rule on the rows of a run whose objective holds one."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from kelbo.experiments.diagnosis import BEGUN, FIRST, HELD, HELD_NATS, ROWS
from kelbo.experiments.findings import Finding, finding
from kelbo.experiments.stretch import Stretch
from kelbo.recipes.objective_specs import TargetSpec
from kelbo.runs.journal import Row


class TargetReading(NamedTuple):
    """One row's means: what is held, its target, the multiplier and how often it lay on an end of its range."""

    step: int
    value: float
    target: float
    multiplier: float
    clamped: float
    near: float

    @property
    def distance(self) -> float:
        return abs(self.value - self.target)

    @property
    def kind(self) -> Literal["above", "below", "near", "moving"]:
        if self.distance <= self.near:
            return "near"
        return "moving" if self.clamped < 0.5 else "above" if self.value > self.target else "below"


def of_target(spec: TargetSpec) -> str:
    """What is held: "rate", or the target's unit."""
    return "rate" if spec.kind == "rate_target" else spec.unit  # pyright: ignore[reportAttributeAccessIssue]


def reading(row: Row, spec: TargetSpec) -> TargetReading | None:
    """None if the row has no finite numbers of a target."""
    found = [row.get(name) for name in ("target", "slack", "multiplier", "clamp_active")]
    step = row["step"]
    if step is None or any(value is None or not math.isfinite(value) for value in found):
        return None
    target, slack, multiplier, clamped = (float(value or 0.0) for value in found)
    nats = 0.0 if of_target(spec) in ("squared_error", "psnr") else HELD_NATS
    return TargetReading(int(step), target + slack, target, multiplier, clamped, max(HELD * abs(target), nats))


def targets(recent: Stretch[TargetReading], spec: TargetSpec) -> Finding | None:
    """Judge a run by its target after the latest row."""
    now, steps = recent.now, recent.steps
    last = now.step >= steps
    if now.step < FIRST or now.kind == "near" or (spec.start is not None and not last):
        return None
    fields = {
        "held": of_target(spec),
        "value": now.value,
        "target": now.target,
        "distance": now.distance,
        "form": spec.form,
        "step": now.step,
    }
    stuck = now.kind != "moving" and recent.all(now.kind, inside=last)
    if stuck and (last or (now.step >= BEGUN * steps and len(recent) >= ROWS and not _arrives(recent))):
        return finding("target-out-of-reach", "warning", **fields, multiplier=now.multiplier)
    return finding("target-missed", "warning", **fields) if last else None


def _arrives(recent: Stretch[TargetReading]) -> bool:
    """Whether the target is reached before the last step at the speed since the first reading."""
    first, now = recent.first, recent.now
    fallen = first.distance - now.distance
    return fallen > 0 and (now.distance - now.near) * (now.step - first.step) <= fallen * (recent.steps - now.step)
