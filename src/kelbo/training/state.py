"""Everything that training changes, in one place: what a checkpoint must hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from torch import nn
from torch.optim import Optimizer

from kelbo.protocols import Model, State
from kelbo.training.ema import Ema


@dataclass
class TrainState:
    """model is Fabric's wrapper (call it to train); `network` is the model inside it.

    objective_state is the objective's memory for the next step; objective_used is the one that the last step's loss used.
    """

    model: nn.Module
    optimizer: Optimizer
    objective_state: State
    ema: Ema | None = None
    step: int = 0
    objective_used: State = field(init=False)

    def __post_init__(self) -> None:
        self.objective_used = {name: value.clone() for name, value in self.objective_state.items()}

    @property
    def network(self) -> Model:
        return cast(Model, getattr(self.model, "module", self.model))
