"""Check before the work whether a file can be written where the user wants it, and write pictures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kelbo.cli.printing import say

if TYPE_CHECKING:
    import numpy as np

    from kelbo.experiments import Experiment


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


def save_pictures(out: Path | None, experiment: Experiment, name: str, images: np.ndarray, columns: int) -> None:
    """Write intensities (N, *event) as a grid of so many columns, and print its path: see `write_and_tell`.

    name: of the file in the run's folder, without step and ending. RecipeError if `out` is a CSV's.
    """
    from kelbo.errors import RecipeError
    from kelbo.runs import save_grid

    if out is not None and out.suffix.lower() == ".csv":
        raise RecipeError(f"--out must end in .png, since this run makes images; got {out}.")
    own = experiment.run.picture(experiment.step, name)
    write_and_tell(out, own, experiment.run.path, lambda path: save_grid(path, images, columns))


def save_each(
    outs: Sequence[Path],
    experiment: Experiment,
    name: str,
    make: Mapping[str, Callable[[], bytes]],
    usual: Sequence[str],
) -> None:
    """Write files by their endings, and print their paths: `outs`, or those of the usual endings in the run's folder.

    make: what a file of each ending holds. name: of the files in the run's folder, without step and ending. As
    `write_and_tell`.
    """
    from kelbo.runs import write_atomic

    own = experiment.run.picture(experiment.step, name)
    for out, ending in [(out, out.suffix.lower()) for out in outs] or [(None, ending) for ending in usual]:
        content = make[ending]()
        place = own.with_name(own.stem + ending)
        write_and_tell(out, place, experiment.run.path, lambda path, content=content: write_atomic(path, content))


def write_and_tell(out: Path | None, own: Path, folder: Path, write: Callable[[Path], object]) -> None:
    """Write a file and print its path: `out`, by default `own` in the folder of a run or a sweep.

    If that folder may not be written to, the file goes into the current one, with the folder's name before its own.
    RunError if that may not be written to either.
    """
    from kelbo.errors import RunError
    from kelbo.runs.writing import READ_ONLY

    try:
        write(out or own)
    except OSError as error:
        if out is not None or error.errno not in READ_ONLY:
            raise
        here = Path(f"{folder.resolve().name}-{own.name}")
        try:
            write(here)
        except OSError as again:
            raise RunError(
                f"Neither {folder} nor the current folder can be written to ({again.strerror}). Choose another path.",
                remedy=("out",),
            ) from again
        say(f"{folder} cannot be written to ({error.strerror}), so this is kept in the current folder:", err=True)
        own = here
    say(out or own)
