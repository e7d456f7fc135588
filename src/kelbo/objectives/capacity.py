"""Controlled capacity increase."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kelbo.bound import AnyBound
from kelbo.protocols import State


@dataclass(frozen=True)
class Capacity:
    """D + γ·|R - C| with C rising linearly (Burgess et al., 2018, eq. 8). R is the batch's mean rate.

    gamma     weight of the rate's distance from the capacity
    capacity  the final C, nats
    steps     number of steps over which C rises from 0
    """

    gamma: float = 1000.0
    capacity: float = 25.0
    steps: int = 100_000

    def initial(self) -> State:
        return {"step": torch.zeros((), dtype=torch.int64)}

    def __call__(self, bound: AnyBound, state: State) -> tuple[Tensor, State]:
        capacity = self.capacity * (state["step"] / self.steps).clamp(max=1.0)
        loss = bound.distortion.mean() + self.gamma * (bound.rate.sum(-1).mean() - capacity).abs()
        return loss, {"step": state["step"] + 1}
