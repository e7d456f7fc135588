"""Quantities of a lane that the study's claims, tables and figures name, made from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kelbo.studies.mind_your_bits.sets import TARGET

Lane = Mapping[str, Any]
Derive = Callable[[Lane], float | None]

NEAR = 0.1
"""share of the target within which a row's mean error counts as at it, with the noise of its batches"""
LATE = 0.5
"""share of the steps after which gradients are compared"""


def same(name: str, sign: float = 1.0) -> Derive:
    """A quantity under another name."""
    return lambda lane: None if lane[name] is None else sign * lane[name]


def less(first: str, second: str) -> Derive:
    """first − second."""
    return lambda lane: None if lane[first] is None or lane[second] is None else lane[first] - lane[second]


def over(first: str, second: str) -> Derive:
    """first / second."""
    return lambda lane: None if lane[first] is None or not lane[second] else lane[first] / lane[second]


def _target(lane: Lane) -> float | None:
    rows: Sequence[Sequence[float]] = lane["journal.target.steps"] or ()
    return lane[TARGET] or (rows[-1][1] if rows else None)


def _settled(lane: Lane) -> float | None:
    """The share of the steps from which the error stays at the target, nearly; 1 if it never does."""
    rows, target = lane["journal.squared_error.steps"], lane["target"]
    if not rows or not target or not lane["steps"]:
        return None
    far = [step for step, error in rows if abs(error / target - 1) > NEAR]
    after = [step for step, _ in rows if not far or step > far[-1]]
    return after[0] / lane["steps"] if after else 1.0


def _reached(lane: Lane) -> float | None:
    """The share of the steps after which the error was first at the target."""
    return lane["early.at"] / lane["steps"] if lane["early.at"] and lane["steps"] else None


def _roughness(lane: Lane) -> float | None:
    """The largest gradient norm of the second half over the median there, before clipping; of means over rows' steps."""
    rows = [norm for step, norm in lane["journal.gradient_norm.steps"] or () if step > LATE * (lane["steps"] or 0)]
    return float(max(rows) / np.median(rows)) if rows else None


DERIVED: Mapping[str, Derive] = {
    "target": _target,
    "loss": same("bound.elbo", -1),
    "nats": same("bound.distortion", -1),
    "rate": same("bound.rate"),
    "bits": same("bound.bits_per_dim"),
    "error": same("held.squared_error"),
    "error-ratio": over("held.squared_error", "target"),
    "distance.sample": same("distance.sample.frechet"),
    "distance.reconstruction": same("distance.reconstruction.frechet"),
    "gap": less("distance.sample.frechet", "distance.reconstruction.frechet"),
    "reached": _reached,
    "settled": _settled,
    "roughness": _roughness,
    "rate-early": same("early.rate"),
    "rate-drop": less("early.rate", "held.rate"),
    "low-early": same("early.low_share"),
    "low-drop": less("early.low_share", "held.low_share"),
    "moved": same("refined.moved"),
}
