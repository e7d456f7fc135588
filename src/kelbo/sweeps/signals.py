"""Signals to whoever has many jobs running: counted and passed on, not died of."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Signals:
    """Counts SIGINT and SIGTERM inside the block instead of dying of them. In another than the main thread, none come."""

    def __init__(self) -> None:
        self.count, self.caught = 0, ""
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count, self.caught = self.count + 1, signal.Signals(number).name
