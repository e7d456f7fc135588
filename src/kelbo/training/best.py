"""Which checkpoint of a run is the best, by its validation images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from kelbo.runs.checkpoints import Best, By
from kelbo.runs.journal import Row
from kelbo.training.state import TrainState

Measure = Callable[[TrainState], Row]
"""Validation numbers of a state's weights. Every process must call it, and each is given the same."""

JUDGED_BY = ("validation_slack", "validation_elbo", "validation_distortion")
"""what a row tells of validation images: how far a target is, else the ELBO, else the distortion of a model without a rate"""

HOLDING: dict[By, bool] = {"bound": False, "distance": False, "rate": True, "distortion": True}
"""whether weights that are judged so hold a target"""


class Judged(NamedTuple):
    """What weights are judged by, and its value, smallest for the best ones; NaN if there is none."""

    by: By
    cost: float

    def better_than(self, best: Best | None) -> bool:
        """Whether these weights are better than the best so far."""
        if not math.isfinite(self.cost) or best is None:
            return math.isfinite(self.cost)
        if self.by == best.by:
            return self.cost < best.cost
        # weights that hold a target are better than any that do not; an older version judged all runs by their bound
        return HOLDING[self.by] or best.by == "bound"


def by_bound(row: Row) -> Judged:
    """−ELBO, or the distortion if there is no rate."""
    elbo, distortion = row.get("validation_elbo"), row.get("validation_distortion")
    if elbo is not None:
        return Judged("bound", -elbo)
    return Judged("bound", math.nan if distortion is None else distortion)


@dataclass(frozen=True)
class Validation:
    """Measures a run's weights after steps n, 2n, … and its last, n being the interval of checkpoints.

    judged: what weights with such numbers are judged by. Checkpoints that a signal asked for are not measured, so a stopped run
    has the same best one as an uninterrupted run.
    """

    measure: Measure
    interval: int
    last: int
    judged: Callable[[Row], Judged] = by_bound

    def due(self, step: int) -> bool:
        return step % self.interval == 0 or step == self.last

    def judge(self, state: TrainState) -> Row:
        """The numbers of the state's weights, which become the best if they are better than all before."""
        found = self.measure(state)
        judged = self.judged(found)
        if judged.better_than(state.best):
            state.best = Best(state.step, judged.cost, judged.by)
        return found
