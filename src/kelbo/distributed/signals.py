"""Ctrl-C and SIGTERM: noted when they come, acted on when it suits. Nothing heavy is imported: every worker loads this."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

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
