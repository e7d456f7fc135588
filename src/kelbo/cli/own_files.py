"""Picture files in place of a run's images, for the commands that take either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kelbo.cli.printing import say

if TYPE_CHECKING:
    from kelbo.bound import Batch
    from kelbo.data.likeness import LikeImages
    from kelbo.experiments import Experiment

TOLD = 8
"""largest number of notes that are printed"""


def read_files(experiment: Experiment, paths: Sequence[Path], given: str | None, most: int | None = None) -> LikeImages:
    """The pictures as the run's images are; prints what was done to them besides, and which were left out."""
    from kelbo.experiments import read_pictures

    read = read_pictures(experiment, paths, given, most=most)
    for lines in (read.notes, [f"left out: {why}" for why in read.left_out]):
        for line in lines[:TOLD]:
            say(line)
        if len(lines) > TOLD:
            say(f"… and {len(lines) - TOLD:,} more")
    return read


def is_index(text: str) -> bool:
    """Whether an argument names a test image by its index; else it is a file's path (./3 for a file that is called 3)."""
    return text.isdecimal()


def one(experiment: Experiment, text: str, given: str | None) -> Batch:
    """The test image of an index, or the picture in a file. RecipeError for a condition of a test image: it has its own."""
    from kelbo.errors import RecipeError

    if not is_index(text):
        if Path(text).is_dir():
            raise RecipeError(f"{text} is a folder. Name one picture.")
        return experiment.batch_of(read_files(experiment, [Path(text)], given).images)
    return experiment.image(int(text))


def require_files(given: str | None, files: bool) -> None:
    """RecipeError for a condition of the run's own images, which have theirs."""
    from kelbo.errors import RecipeError

    if given is not None and not files:
        raise RecipeError("--given says what picture files show; the run's own images have their own condition.")
