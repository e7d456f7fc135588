"""What the cluster's machines answer, apart from jobs. It loads no PyTorch, so that answers come at once."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any, NamedTuple

import kelbo

SEE = 5.0
"""seconds that a new file may take to become visible through a network file system"""

Line = dict[str, Any]


class Lines:
    """An actor that collects the jobs' reports since it was last asked, the newest value of each key by job."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, bool], Line] = {}

    def tell(self, name: str, line: Line) -> None:
        """Keep a line. A job's start is kept apart from its progress."""
        self.lines.setdefault((name, "state" in line), {}).update(line)

    def take(self) -> list[tuple[str, Line]]:
        """Every line, delivered once, in the order of the jobs' first reports."""
        lines, self.lines = self.lines, {}
        return [(name, line) for (name, _), line in lines.items()]


class Machine(NamedTuple):
    """A machine's answer. sees: whether it finds the file that it was asked about and may write beside it."""

    kelbo: str
    sees: bool


def look(mark: Path | None) -> Machine:
    """The answer of the machine that runs this."""
    return Machine(version(), mark is None or _sees(mark))


def version() -> str:
    """Versions of kelbo and Python, which must agree between machines that exchange jobs."""
    return f"{kelbo.__version__} with Python {platform.python_version()}"


def _sees(mark: Path) -> bool:
    end = time.monotonic() + SEE
    while not mark.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return os.access(mark.parent, os.W_OK)
