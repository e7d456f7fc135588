"""Whether a discriminator tells all images right, from which its decoder learns little. PyTorch is not needed here."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from kelbo.experiments.diagnosis import BEGUN, FIRST, ROWS
from kelbo.experiments.findings import Finding, finding
from kelbo.experiments.stretch import Stretch
from kelbo.runs.journal import Row

PINNED = 0.99
"""share of images that a discriminator tells right, in all rows of a stretch"""


class PlayersReading(NamedTuple):
    """One row's mean accuracy of the discriminator, and the distance of features if it is learned."""

    step: int
    accuracy: float
    distance: float | None

    @property
    def kind(self) -> Literal["pinned", "plays"]:
        return "pinned" if self.accuracy >= PINNED else "plays"


def reading(row: Row) -> PlayersReading | None:
    """What a row says of a discriminator; None if it has none."""
    step, accuracy, distance = row["step"], row.get("discriminator/accuracy"), row.get("feature_distortion")
    if step is None or accuracy is None or not math.isfinite(accuracy):
        return None
    return PlayersReading(int(step), accuracy, distance if distance is None or math.isfinite(distance) else None)


def players(recent: Stretch[PlayersReading]) -> Finding | None:
    """Judge a discriminator after the latest row."""
    now, first = recent.now, recent.first
    early = now.step < (FIRST if now.step >= recent.steps else max(FIRST, BEGUN * recent.steps))
    if early or len(recent) < ROWS or not recent.all("pinned"):
        return None
    before, distance = first.distance, now.distance
    if before is None or distance is None or distance <= before:
        before = distance = None
    fields = {"accuracy": now.accuracy, "before": before, "distance": distance, "step": now.step}
    return finding("discriminator-wins", "warning", **fields)
