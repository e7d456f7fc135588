"""The negative ELBO and its β-weighted form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kelbo.bound import AnyBound
from kelbo.objectives.group_rates import PLAIN, GroupRates
from kelbo.protocols import Model, State


@dataclass(frozen=True)
class Beta:
    """D + β·R (Higgins et al., 2017); the negative ELBO at β = 1.

    beta    the weight of the rate after the warm-up
    warmup  steps over which the weight rises linearly from 0 to beta; 0 for none
    groups  how the rates of several groups make one
    least   share of beta below which the warm-up never is
    """

    beta: float = 1.0
    warmup: int = 0
    groups: GroupRates = PLAIN
    least: float = 0.0

    @property
    def additive(self) -> bool:
        """Whether the loss of a batch is the mean of the losses of its equal parts."""
        return self.groups.additive

    def suited(self, model: Model, levels: int | None) -> Beta:
        """The objective for this model's groups."""
        return replace(self, groups=self.groups.suited(model))

    def initial(self) -> State:
        return {"step": torch.zeros((), dtype=torch.int64)}

    def __call__(self, bound: AnyBound, state: State) -> tuple[Tensor, State]:
        step = state["step"]
        weight = self.beta * (step / self.warmup).clamp(self.least, 1.0) if self.warmup else self.beta
        loss = bound.distortion.mean() + weight * self.groups(bound.rate, step)
        return loss, {"step": step + 1}
