"""The runs below a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kelbo.errors import message
from kelbo.runs.journal import Row
from kelbo.runs.record import Run


class RunSummary(NamedTuple):
    """One run at a glance: its folder, its last row of scalars, its newest checkpoint (None before the first).

    error: why the folder cannot be read, if it cannot.
    """

    run: Run
    last: Row
    checkpoint: int | None
    error: str | None = None


def index(folder: Path) -> list[RunSummary]:
    """Every run in `folder` and below it, by path; empty if there is none. A run that is removed meanwhile is left out.

    Folders that cannot be read, and files that merely look like a run's, hide no other run.
    """
    closed: list[OSError] = []
    found = [_summary(run) for run in _found(folder, closed)]
    found += [
        RunSummary(Run(Path(error.filename)), {}, None, message(error))
        for error in closed
        if os.path.lexists(error.filename)
    ]
    return sorted(filter(None, found), key=lambda one: one.run.path)


def _summary(run: Run) -> RunSummary | None:
    try:
        if not stat.S_ISREG(run.recipe_path.stat().st_mode):
            return RunSummary(run, {}, None, f"{run.recipe_path} is no regular file")
        return RunSummary(run, run.journal.last(), max(run.checkpoint_steps(), default=None))
    except OSError as error:
        if not os.path.lexists(run.recipe_path):
            return None
        return RunSummary(run, {}, None, message(error))


def _found(folder: Path, closed: list[OSError]) -> Iterator[Run]:
    """The folders with a recipe; `closed` is given the errors of those that cannot be read."""
    for place, folders, files in os.walk(folder, onerror=closed.append):
        if "recipe.toml" in files:
            yield Run(Path(place))
            folders[:] = [name for name in folders if name not in ("checkpoints", "frozen")]
