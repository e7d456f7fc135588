"""The negative ELBO and its β-weighted form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kelbo.bound import Bound
from kelbo.protocols import State


@dataclass(frozen=True)
class Beta:
    """D + β·R (Higgins et al., 2017); the negative ELBO at β = 1.

    beta    the weight of the rate after the warm-up
    warmup  steps over which the weight rises linearly from 0 to beta; 0 for none
    """

    additive: ClassVar[bool] = True
    """The loss of a batch is the mean of the losses of its equal parts."""

    beta: float = 1.0
    warmup: int = 0

    def initial(self) -> State:
        return {"step": torch.zeros((), dtype=torch.int64)}

    def __call__(self, bound: Bound, state: State) -> tuple[Tensor, State]:
        step = state["step"]
        weight = self.beta * (step / self.warmup).clamp(max=1.0) if self.warmup else self.beta
        loss = bound.distortion.mean() + weight * bound.rate.sum(-1).mean()
        return loss, {"step": step + 1}
