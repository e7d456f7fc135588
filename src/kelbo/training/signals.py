"""Ctrl-C and SIGTERM: noted when they come, acted on when it suits; training saves, then stops."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

import torch

from kelbo.distributed.fabric import Fabric
from kelbo.errors import Interrupted
from kelbo.training.hooks import Checkpoints
from kelbo.training.state import TrainState
from kelbo.training.update import Values

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Counts SIGINT and SIGTERM inside the block instead of ending the process. Only the main thread receives signals.

    caught: the name of the last one, "" before. alone: no other process takes a second SIGINT, so it raises
    KeyboardInterrupt here.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self.count, self.caught, self.alone = 0, "", alone
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.alone and self.caught and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.count, self.caught = self.count + 1, signal.Signals(number).name


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
