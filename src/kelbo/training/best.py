"""Which checkpoint of a run is the best, by its validation images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from kelbo.runs.journal import Row
from kelbo.training.state import Best, TrainState

Measure = Callable[[TrainState], Row]
"""Validation numbers of a state's weights. Every process must call it, and each is given the same."""

JUDGED_BY = ("validation_elbo", "validation_distortion")
"""what a checkpoint is judged by: the ELBO, larger is better; the distortion of a model that has no rate, smaller is better"""


@dataclass(frozen=True)
class Validation:
    """Measures a run's weights after steps n, 2n, … and its last, n being the interval of checkpoints.

    Checkpoints that a signal asked for are not measured, so a stopped run has the same best one as an uninterrupted run.
    """

    measure: Measure
    interval: int
    last: int

    def due(self, step: int) -> bool:
        return step % self.interval == 0 or step == self.last

    def judge(self, state: TrainState) -> Row:
        """The numbers of the state's weights, which become the best if they are better than all before."""
        found = self.measure(state)
        value = cost(found)
        if math.isfinite(value) and (state.best is None or value < state.best.cost):
            state.best = Best(state.step, value)
        return found


def cost(row: Row) -> float:
    """Smallest for the best weights: −ELBO, or the distortion if there is no rate; NaN if the row has neither."""
    elbo, distortion = (row.get(name) for name in JUDGED_BY)
    if elbo is not None:
        return -elbo
    return math.nan if distortion is None else distortion
