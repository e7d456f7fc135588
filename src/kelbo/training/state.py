"""Everything that training changes, in one place: what a checkpoint must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import nn
from torch.optim import Optimizer

from kelbo.protocols import Model, State
from kelbo.training.ema import Ema


@dataclass
class TrainState:
    """model is Fabric's wrapper (call it to train); `network` is the model inside it."""

    model: nn.Module
    optimizer: Optimizer
    objective_state: State
    ema: Ema | None = None
    step: int = 0

    @property
    def network(self) -> Model:
        return cast(Model, getattr(self.model, "module", self.model))
