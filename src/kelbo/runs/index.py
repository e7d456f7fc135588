"""The runs below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kelbo.runs.journal import Row
from kelbo.runs.record import Run


class RunSummary(NamedTuple):
    """One run at a glance: its folder, its last row of scalars, its newest checkpoint (None before the first)."""

    run: Run
    last: Row
    checkpoint: int | None


def index(folder: Path) -> list[RunSummary]:
    """Every run in `folder` and below it, by path; empty if there is none. A run that is removed meanwhile is left out."""
    return [
        RunSummary(run, run.journal.last(), max(run.checkpoint_steps(), default=None))
        for run in sorted(_found(folder), key=lambda run: run.path)
    ]


def _found(folder: Path) -> Iterator[Run]:
    for place, folders, files in os.walk(folder):
        if "recipe.toml" in files:
            yield Run(Path(place))
            folders[:] = [name for name in folders if name not in ("checkpoints", "frozen")]
