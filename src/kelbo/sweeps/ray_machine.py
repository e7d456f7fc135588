"""What is asked of the cluster's machines beside jobs. It loads no PyTorch, so that answers come at once."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any, NamedTuple

import kelbo

SEE = 5.0
"""seconds that a new file may take to be seen through a network's file system"""

Line = dict[str, Any]


class Lines:
    """An actor: what jobs told since it was last asked, the newest of each thing, by job."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, bool], Line] = {}

    def tell(self, name: str, line: Line) -> None:
        """Keep a line. That a job has begun is kept apart from how far it is."""
        self.told.setdefault((name, "state" in line), {}).update(line)

    def take(self) -> list[tuple[str, Line]]:
        """Everything that was told, once, in the order of the jobs' first words."""
        told, self.told = self.told, {}
        return [(name, line) for (name, _), line in told.items()]


class Machine(NamedTuple):
    """A machine's answer. sees: whether it finds the file that it was asked for and may write beside it."""

    kelbo: str
    sees: bool


def look(mark: Path | None) -> Machine:
    """The answer of the machine that this runs on."""
    return Machine(version(), mark is None or _sees(mark))


def version() -> str:
    """Of kelbo and Python; what is sent from one to another must be understood there."""
    return f"{kelbo.__version__} with Python {platform.python_version()}"


def _sees(mark: Path) -> bool:
    end = time.monotonic() + SEE
    while not mark.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return os.access(mark.parent, os.W_OK)
