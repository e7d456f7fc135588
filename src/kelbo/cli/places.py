"""Check before the work whether a file can be written where the user wants it, and write pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import numpy as np


def require_file(path: Path | None, *endings: str) -> None:
    """RecipeError if `path` is a folder or has another ending than these; RunError if its folder cannot be made.

    A name without an ending is allowed if "" is among them. None, meaning a place in the run's folder, passes.
    """
    from kelbo.errors import RecipeError
    from kelbo.runs.writing import require_room

    if path is None:
        return
    if path.is_dir():
        raise RecipeError(f"--out {path} is a folder. Name a file in it.")
    if path.suffix.lower() not in endings:
        raise RecipeError(f"--out must end in {' or '.join(filter(None, endings))}; got {path}.")
    require_room(path)


def require_picture(path: Path | None) -> None:
    """As `require_file`, for a PNG, or a CSV of a run that makes rows; a name without an ending is allowed."""
    require_file(path, ".png", ".csv", "")


def save_pictures(path: Path, images: np.ndarray, columns: int) -> None:
    """Write intensities (N, *event) as a grid of so many columns, and print the path. RecipeError if it is a CSV's."""
    from kelbo.errors import RecipeError
    from kelbo.runs import save_grid

    if path.suffix.lower() == ".csv":
        raise RecipeError(f"--out must end in .png, since this run makes images; got {path}.")
    save_grid(path, images, columns)
    typer.echo(path)
