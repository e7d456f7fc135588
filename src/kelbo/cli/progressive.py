"""`kelbo progressive`: a picture as its bits arrive."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, GivenOfFiles, RunPath, Seed
from kelbo.cli.own_files import draw_of, one, open_at
from kelbo.cli.places import require_file, save_each
from kelbo.cli.printing import aligned, say
from kelbo.cli.row_files import column_names
from kelbo.reports.numbers import fixed, plain
from kelbo.units import bits_per_dim, counted

if TYPE_CHECKING:
    import numpy as np

    from kelbo.evaluation.progressive import Progressive
    from kelbo.reports.strips import Captioned, Format

COLUMNS = 9
"""pictures in a row of the strip"""
FILMS: dict[str, Format] = {".gif": "gif", ".apng": "png", ".webp": "webp"}
STAGES = "primary", "secondary"


def progressive(
    run: RunPath,
    image: Annotated[
        str, typer.Option(metavar="INDEX|FILE", help="A test image (0 by default), or a picture file.")
    ] = "0",
    frames: Annotated[int, typer.Option(min=1, help="Steps from no group of latents to all of them.")] = 16,
    seconds: Annotated[float, typer.Option(min=0.02, help="How long a film shows each.")] = 0.5,
    given: GivenOfFiles = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write, by its ending: .png (a strip), .gif, .apng or .webp (a film), .npz (arrays). Once or more; "
            "by default a strip and a GIF beside the run's pictures."
        ),
    ] = None,
) -> None:
    """Show a picture as its bits arrive: the first groups of latents, more of them, and all, with the rate of each step.

    Of a secondary: its primary's picture as that's groups arrive, then refined group by group.
    """
    import numpy as np

    from kelbo import evaluation
    from kelbo.bound import Batch
    from kelbo.cli.code_files import as_npz
    from kelbo.errors import RecipeError
    from kelbo.reports.strips import as_png, film, strip

    for path in out or []:
        require_file(path, ".png", *FILMS, ".npz")
    if draw_of(image) is not None:
        raise RecipeError(f"--image {image}: a draw of the prior has no rate. Name a test image or a picture file.")
    how = {"checkpoint": checkpoint, "device": device, "data_root": data_root}
    experiment, (image,) = open_at(run, [image], ["0"], given, **how)
    if column_names(experiment):
        raise RecipeError(f"{run} makes rows of a table, and a strip shows pictures. Name a run on images.")
    batch = one(experiment, image, given)
    assert isinstance(batch, Batch)  # a draw was refused
    stages = experiment.model.stages
    found = evaluation.progressive(experiment.model, batch, evaluation.moments(stages, frames), seed=seed)
    cells = _cells(found, stages)
    _say(found, stages)
    original = batch.x.cpu().numpy()
    arrays = {name: part[:, 0] if part.ndim > 1 else part for name, part in found._asdict().items()}
    arrays |= {"original": original[0], "stages": np.array(stages)}
    make = {
        ".png": lambda: as_png(strip([*cells, _original(original)], COLUMNS)),
        ".npz": lambda: as_npz(arrays),
        **{ending: lambda ending=ending: film(cells, FILMS[ending], seconds) for ending in FILMS},
    }
    save_each(out or [], experiment, "progressive", make, [".png", ".gif"])


def _cells(found: Progressive, stages: tuple[int, ...]) -> list[Captioned]:
    """A picture a moment, with what is known and what that costs."""
    from kelbo.reports.strips import Captioned

    pictures, cells = _images(found.pictures[:, 0]), []
    for known, picture, costs in zip(found.groups.tolist(), pictures, _costs(found), strict=True):
        mark = (
            " · x̄" if len(stages) > 1 and known == stages[0] else ""
        )  # the first stage's picture has a name of its own
        told = (f"{name} {cost}" if name == "error" else f"{cost} {name}" for name, cost in costs.items())
        cells.append(
            Captioned(picture, [f"{known} of {counted(sum(stages), 'group')}{mark}", *told], _stage(known, stages))
        )
    return cells


def _costs(found: Progressive) -> list[dict[str, str]]:
    """What each moment costs, and the squared error that is left, for people."""
    dims = prod(found.pictures.shape[2:])
    return [
        {
            "nats": _short(nats, 2),
            "bits": _short(bits_per_dim(nats, 1), 2),
            "bits/dim": _short(bits_per_dim(nats, dims), 4),
            "error": plain(error),
        }
        for nats, error in zip(found.rates[:, 0].tolist(), found.squared_errors[:, 0].tolist(), strict=True)
    ]


def _short(value: float, decimals: int) -> str:
    """Three significant digits, but of a small value only so many decimals: that it is next to nothing is all it tells."""
    return fixed(value, decimals) if value < 10.0 ** (2 - decimals) else plain(value)


def _say(found: Progressive, stages: tuple[int, ...]) -> None:
    """A line a moment."""
    costs, groups = _costs(found), found.groups.tolist()
    names = [STAGES[_stage(known, stages)] if len(stages) == len(STAGES) else "" for known in groups]
    rows = [(str(known), name, *cost.values()) for known, name, cost in zip(groups, names, costs, strict=True)]
    say(aligned([("groups", "", *costs[0]), *rows]))


def _stage(known: int, stages: tuple[int, ...]) -> int:
    """Which stage's picture is shown when so many groups are known."""
    ends = [sum(stages[: stage + 1]) for stage in range(len(stages))]
    return next(stage for stage, end in enumerate(ends) if known <= end)


def _original(original: np.ndarray) -> Captioned:
    from kelbo.reports.strips import Captioned

    return Captioned(_images(original)[0], ("original",))


def _images(examples: np.ndarray) -> np.ndarray:
    from kelbo.runs.grids import as_pictures

    return as_pictures(examples)
