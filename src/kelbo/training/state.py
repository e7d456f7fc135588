"""Everything that training changes, in one place: what a checkpoint must hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from torch import nn
from torch.optim import Optimizer

from kelbo.protocols import Generator, State
from kelbo.runs.checkpoints import Best
from kelbo.training.ema import Ema


@dataclass
class TrainState:
    """model is Fabric's wrapper (call it to train); `network` is the model inside it.

    optimizers are by the name of what each moves; an update with one loss has one, "model". objective_state is the
    objective's memory for the next step; objective_used is the one that the last step's loss used. skips is the memory of the
    rule by which updates are skipped, empty without one. best is None before the first validation, and if there are no
    validation images.
    """

    model: nn.Module
    optimizers: dict[str, Optimizer]
    objective_state: State = field(default_factory=dict)
    ema: Ema | None = None
    step: int = 0
    best: Best | None = None
    skips: State = field(default_factory=dict)
    objective_used: State = field(init=False)

    def __post_init__(self) -> None:
        self.objective_used = {name: value.clone() for name, value in self.objective_state.items()}

    @property
    def optimizer(self) -> Optimizer:
        """The only one. ValueError if there are several."""
        (only,) = self.optimizers.values()
        return only

    @property
    def applied(self) -> int:
        """How many steps changed the weights: all but the skipped ones. It waits for the device."""
        return int(self.skips["applied"]) if self.skips else self.step

    @property
    def network(self) -> Generator:
        return cast(Generator, getattr(self.model, "module", self.model))
