"""Quantities of a lane that the study's claims, tables and figures name, made from what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kelbo.studies.vae_gan.asked import LATE

Lane = Mapping[str, Any]
Derive = Callable[[Lane], float | None]
COSTS = ("discriminator/real", "discriminator/fake")
SKIPPED = ("skipped/discriminator", "skipped/decoder")


def same(name: str) -> Derive:
    """A quantity under another name."""
    return lambda lane: lane[name]


def _of_samples(lane: Lane) -> float | None:
    """Of a GAN, which has no reconstructions, the only distance."""
    return lane["distance.frechet"] if lane["distance.sample.frechet"] is None else lane["distance.sample.frechet"]


def off(name: str) -> Derive:
    """How far a ratio is from 1, whichever side it is on: |ln ratio|."""
    return lambda lane: abs(math.log(lane[name])) if lane[name] else None


def _cost(lane: Lane) -> float | None:
    """The smaller of the discriminator's two costs late in training, nats; log 2 if it guesses."""
    found = []
    for name in COSTS:
        rows = lane[f"journal.{name}.steps"] or ()
        found += [np.mean(late)] if (late := [cost for step, cost in rows if step > LATE * lane["steps"]]) else []
    return float(min(found)) if found else None


def _share(name: str) -> Derive:
    """The share of steps of which a row's count tells that a player was skipped."""
    return lambda lane: sum(n for _, n in rows) / lane["steps"] if (rows := lane[f"journal.{name}.steps"]) else None


def _gain(lane: Lane) -> float | None:
    rows: Sequence[Sequence[float]] = lane["progress.course.f1.steps"] or ()
    return rows[-1][1] - rows[0][1] if len(rows) > 1 else None


DERIVED: Mapping[str, Derive] = {
    "rate": same("bound.rate"),
    "pixels": same("errors.pixels"),
    "features": same("errors.features"),
    "distance.sample": _of_samples,
    "distance.reconstruction": same("distance.reconstruction.frechet"),
    "off.sample": off("sharp.sample"),
    "off.reconstruction": off("sharp.reconstruction"),
    "cost-late": _cost,
    **{f"share.{name}": _share(name) for name in SKIPPED},
    "f1-gain": _gain,
}
