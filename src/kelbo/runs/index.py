"""What runs there are below a folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kelbo.runs.record import Run


class Entry(NamedTuple):
    """One run at a glance: its folder, its last row of scalars, its newest checkpoint (None before the first)."""

    run: Run
    last: dict[str, float | int | None]
    checkpoint: int | None


def index(folder: Path) -> list[Entry]:
    """Every run in `folder` and below it, by path; empty where there is none."""
    found = [Run(path.parent) for path in sorted(folder.rglob("recipe.toml"))]
    return [Entry(run, _last(run), max(run.checkpoint_steps(), default=None)) for run in found]


def _last(run: Run) -> dict[str, float | int | None]:
    rows = run.journal.rows()
    return rows[-1] if rows else {}
