"""A run's training as a film: the same reconstructions and samples, from its first pictures to its last."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kelbo.errors import RecipeError, RunError
from kelbo.reports.page_pictures import cut, spread
from kelbo.reports.strips import Format, film_of, rows_with_labels
from kelbo.runs import Run
from kelbo.runs.grids import side_of

RECONSTRUCTIONS, SAMPLES = 2, 4
"""rows of the pictures that training writes: originals and what is made of them; draws of the prior"""
FILMS: dict[str, Format] = {".gif": "gif", ".apng": "png", ".webp": "webp"}
ENDINGS = (*FILMS, ".mp4")


def kept_grids(
    run: Run, name: str, side: tuple[int, int], rows: int, *, until: int | None = None, most: int | None = None
) -> list[tuple[int, np.ndarray]]:
    """Steps and pictures of one kind, (rows, columns, 3, H, W) each, of up to `most` moments spread over those up to a step.

    Only pictures with as many columns as the last are among them: the run may have begun with another version.
    """
    paths = [path for path in run.pictures(name) if until is None or step_of(path) <= until]
    chosen = spread(paths, len(paths) if most is None else most)
    grids = [(step_of(path), cut(path, side, rows)) for path in chosen]
    return [(step, grid) for step, grid in grids if grid.shape == grids[-1][1].shape]


def step_of(path: Path) -> int:
    """Of a picture that training wrote."""
    return int(path.name.partition("-")[0])


def frames_of(run: Run, columns: int = 6, sampled: int = 2, frames: int | None = None) -> list[Image.Image]:
    """A frame for each moment of which the run keeps pictures, all of one size.

    Originals, their reconstructions and `sampled` rows of samples, `columns` of each: what the run has of these. frames: at
    most so many, the first and the last among them. RunError if the run keeps no pictures.
    """
    told = run.provenance().get("data", {})
    if "columns" in told:
        raise RunError(f"{run.path} was trained on rows of a table, and keeps no pictures of its training.")
    side = side_of(told["shape"])
    made = dict(kept_grids(run, "reconstructions", side, RECONSTRUCTIONS, most=frames))
    drawn = dict(kept_grids(run, "samples", side, SAMPLES, most=frames))
    steps = sorted({*made, *drawn}) if not (made and drawn) else sorted(made.keys() & drawn.keys())
    if not steps:
        raise RunError(
            f"{run.path} keeps no pictures of its training. They are written every training.pictures_every steps; train with "
            "fewer steps between them."
        )
    return [_frame(step, len(str(steps[-1])), made.get(step), drawn.get(step), columns, sampled) for step in steps]


def _frame(
    step: int, digits: int, made: np.ndarray | None, drawn: np.ndarray | None, columns: int, sampled: int
) -> Image.Image:
    rows: list[np.ndarray] = []
    labels: list[list[str]] = []
    told = "step " + str(step).rjust(digits, "\u2007")  # figure spaces, so that no frame is wider than another
    if made is not None:
        rows, labels = [made[0][:columns], made[1][:columns]], [["original"], ["reconstruction", told]]
    if drawn is not None:
        rows += [row[:columns] for row in drawn[:sampled]]
        labels += [["sample", told]] * min(sampled, len(drawn))
    return rows_with_labels(rows, labels)


def as_film(frames: Sequence[Image.Image], ending: str, seconds: float) -> bytes:
    """The frames as a file of that ending, each shown for so long, the last for four times as long.

    RecipeError for MP4 without PyAV.
    """
    return _mp4(frames, seconds) if ending == ".mp4" else film_of(frames, FILMS[ending], seconds)


def _mp4(frames: Sequence[Image.Image], seconds: float) -> bytes:
    """H.264, which every browser plays: colours at half the resolution, sides padded to even numbers."""
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise RecipeError("MP4 needs PyAV: pip install 'kelbo[video]', or write a .gif, .apng or .webp.") from error
    from fractions import Fraction

    width, height = (2 * -(-side // 2) for side in frames[0].size)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        rate = Fraction(seconds).limit_denominator(1000)
        stream: Any = container.add_stream("libx264", rate=1 / rate)
        stream.width, stream.height, stream.pix_fmt, stream.options = width, height, "yuv420p", {"crf": "18"}
        for frame in [*frames, *[frames[-1]] * 3]:
            padded = Image.new("RGB", (width, height), frame.getpixel((0, 0)))
            padded.paste(frame, (0, 0))
            container.mux(stream.encode(av.VideoFrame.from_image(padded)))
        container.mux(stream.encode())
    return buffer.getvalue()
