"""Signals to a process with many running jobs: counted and forwarded instead of fatal."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from kelbo.errors import Interrupted


class Signals:
    """Counts SIGINT and SIGTERM inside the block instead of ending the process. Only the main thread receives signals.

    alone: no other process takes a second SIGINT, so it raises KeyboardInterrupt here.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self.count, self.caught, self.alone = 0, "", alone
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def stopped(self, done: int, jobs: int) -> Interrupted:
        """The error to raise once all jobs have stopped. After a second signal, steps since the last save are lost."""
        left = "running jobs are saved" if self.count == 1 else "running jobs are as they were last saved"
        return Interrupted(f"Stopped by {self.caught}: {done} of {jobs} done, {left}.")

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.alone and self.caught and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.count, self.caught = self.count + 1, signal.Signals(number).name
