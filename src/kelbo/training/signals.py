"""Ctrl-C and SIGTERM: save, then stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

import torch

from kelbo.distributed.fabric import Fabric
from kelbo.errors import Interrupted
from kelbo.training.hooks import Checkpoints
from kelbo.training.state import TrainState
from kelbo.training.update import Values

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopOnSignal:
    """The last hook of a run: a signal is noted when it comes, and acted on after the step in hand.

    The checkpoint is written and Interrupted raised; after step `last` there is nothing to stop, and the run ends as it would
    have. A second Ctrl-C stops at once, without saving. Several processes agree on the step every `interval` steps, since each
    must take part in the checkpoint. Outside of the main thread Python takes no signals, and none are caught.
    """

    def __init__(self, fabric: Fabric, checkpoints: Checkpoints, last: int, interval: int = 10) -> None:
        self.fabric, self.checkpoints, self.last, self.interval = fabric, checkpoints, last, interval
        self.caught: signal.Signals | None = None
        self.before: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]  what signal.signal gave

    def __call__(self, state: TrainState, values: Values) -> None:
        if state.step < self.last and self._agreed(state.step):
            self.checkpoints.save(state)
            name = self.caught.name if self.caught else "a signal to another process"
            raise Interrupted(
                f"Stopped by {name} after step {state.step}, which is saved. Resume the run to continue.",
                remedy=("resume",),
            )

    def _agreed(self, step: int) -> bool:
        if self.fabric.world_size == 1:
            return self.caught is not None
        if step % self.interval:
            return False
        caught = torch.tensor(float(self.caught is not None), device=self.fabric.device)
        return bool(torch.as_tensor(self.fabric.all_reduce(caught, reduce_op="sum")) > 0)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.caught is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.caught = signal.Signals(number)
