"""Ctrl-C and SIGTERM while training: save, then stop."""

from __future__ import annotations

import torch

from kelbo.distributed.fabric import Fabric
from kelbo.distributed.signals import Signals
from kelbo.errors import Interrupted
from kelbo.training.hooks import Checkpoints
from kelbo.training.state import TrainState
from kelbo.training.update import Values


class StopOnSignal(Signals):
    """The last hook of a run: a signal is noted when it comes, and acted on after the present step.

    The checkpoint is written and Interrupted raised; after step `last` the run simply ends. A second Ctrl-C stops at once,
    without saving. Several processes agree on the step every `interval` steps, since each must take part in the checkpoint.
    Outside of the main thread Python takes no signals, and none are caught.
    """

    def __init__(self, fabric: Fabric, checkpoints: Checkpoints, last: int, interval: int = 10) -> None:
        super().__init__(alone=True)
        self.fabric, self.checkpoints, self.last, self.interval = fabric, checkpoints, last, interval

    def __call__(self, state: TrainState, values: Values) -> None:
        if state.step < self.last and self._agreed(state.step):
            self.checkpoints.save(state)
            source = self.caught or "a signal to another process"
            raise Interrupted(
                f"Stopped by {source} after step {state.step}, which is saved. Resume the run to continue.",
                remedy=("resume",),
            )

    def _agreed(self, step: int) -> bool:
        if self.fabric.world_size == 1:
            return bool(self.caught)
        if step % self.interval:
            return False
        caught = torch.tensor(float(bool(self.caught)), device=self.fabric.device)
        return bool(torch.as_tensor(self.fabric.all_reduce(caught, reduce_op="sum")) > 0)
