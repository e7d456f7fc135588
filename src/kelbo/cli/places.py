"""Check before the work whether a file can be written where the user wants it, and write pictures."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from kelbo.cli.printing import say

if TYPE_CHECKING:
    import numpy as np


MOST_LETTERS = 80
"""of an option in a file's name"""


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


def name_of(verb: str, **options: str | None) -> str:
    """The name of a verb's picture in the run's folder, with the options that change what it shows: "given=3-sample".

    Letters of an option that may be none of a file's name become "_"; a hash of it then keeps names apart.
    """
    return "-".join([*(f"{option}={_safe(value)}" for option, value in options.items() if value is not None), verb])


def _safe(value: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9=,._-]", "_", value)[:MOST_LETTERS]
    return safe if safe == value else f"{safe}-{hashlib.sha256(value.encode(errors='surrogateescape')).hexdigest()[:8]}"


def save_pictures(path: Path, images: np.ndarray, columns: int) -> None:
    """Write intensities (N, *event) as a grid of so many columns, and print the path. RecipeError if it is a CSV's."""
    from kelbo.errors import RecipeError
    from kelbo.runs import save_grid

    if path.suffix.lower() == ".csv":
        raise RecipeError(f"--out must end in .png, since this run makes images; got {path}.")
    save_grid(path, images, columns)
    say(path)
