"""Picture files, or draws of the prior, in place of a run's images, for the commands that take either."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kelbo.cli.printing import say

if TYPE_CHECKING:
    from kelbo.bound import Batch
    from kelbo.data.likeness import LikeImages
    from kelbo.evaluation.samples import LatentPoint
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


def draw_of(text: str) -> int | None:
    """The number of the draw that "prior" (0) or "prior:7" names; None for anything else (./prior is a file)."""
    found = re.fullmatch(r"prior(?::(\d+))?", text)
    return found and int(found[1] or 0)


def open_at(
    run: Path, chosen: Sequence[str | None], usual: Sequence[str], given: str | None, **how: Any
) -> tuple[Experiment, list[str]]:
    """The run, opened, and where a way through its latents begins and ends: as chosen, else at the usual test images.

    Without the data, what is not chosen is a draw of the prior, which is said. RecipeError for a condition of test images.
    """
    from kelbo.errors import DataMissing
    from kelbo.experiments import open_run

    places = [place or otherwise for place, otherwise in zip(chosen, usual, strict=True)]
    indices = [is_index(place) for place in places]
    require_files(given, not all(indices))
    try:
        return open_run(run, read_data=any(indices), **how), places
    except DataMissing:
        if any(place is not None and is_index(place) for place in chosen):
            raise
    experiment = open_run(run, read_data=False, **how)
    say("the data were not found (--data-root PATH), so this begins at a draw of the prior", err=True)
    return experiment, [place or f"prior:{number}" for number, place in enumerate(chosen)]


def one(experiment: Experiment, text: str, given: str | None) -> Batch | LatentPoint:
    """The test image of an index, the picture in a file, or a draw of the prior.

    RecipeError for a condition of a test image, which has its own.
    """
    from kelbo.errors import RecipeError
    from kelbo.experiments.draws import point

    if is_index(text):
        return experiment.image(int(text))
    if (number := draw_of(text)) is not None:
        return point(experiment, number, given)
    if Path(text).is_dir():
        raise RecipeError(f"{text} is a folder. Name one picture.")
    return experiment.batch_of(read_files(experiment, [Path(text)], given).images)


def require_files(given: str | None, files: bool) -> None:
    """RecipeError for a condition of the run's own images, which have theirs."""
    from kelbo.errors import RecipeError

    if given is not None and not files:
        raise RecipeError(
            "--given says what picture files or draws show; the run's own images have their own condition."
        )
