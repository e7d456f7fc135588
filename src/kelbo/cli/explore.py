"""`kelbo reconstruct`: images and what a run makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, Given, Noise, Picture, PictureFiles, RunPath, Seed
from kelbo.cli.own_files import read_files
from kelbo.cli.places import name_of, require_picture, save_pictures
from kelbo.cli.printing import say
from kelbo.cli.row_files import column_names, save_rows

if TYPE_CHECKING:
    import numpy as np

    from kelbo.bound import Batch
    from kelbo.experiments import Experiment

MOST = 64
"""pictures of the user's that are shown unless another number is asked for"""


def reconstruct(
    run: RunPath,
    pictures: PictureFiles = None,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", min=1, help="How many images. By default 10, or all pictures up to 64."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Which split: test (by default), train, …")] = None,
    given: Given = None,
    noise: Noise = False,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Encode and decode images: originals above, reconstructions below; under another condition in a third row.

    Of picture files, --given says what they show. Of a table, one CSV: each row's columns, then their reconstructions.
    """
    import numpy as np

    from kelbo import evaluation
    from kelbo.errors import RecipeError
    from kelbo.experiments import open_run
    from kelbo.experiments.conditional import conditional

    require_picture(out)
    if pictures and split:
        raise RecipeError(f"Name pictures or a split, not both; got {pictures[0]} and --split {split}.")
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root, read_data=not pictures)
    if pictures:
        shown, given = _of_files(experiment, pictures, count or MOST, given), None
    else:
        shown = experiment.pictured(count or 10, split or "test")
    rows = [evaluation.reconstruct(experiment.model, shown, noise=noise, seed=seed)]
    words = None
    if given is not None:
        of = conditional(experiment, given)
        under, words = of.changed(shown, chosen := of.chosen(given)), of.words(chosen)
        rows.append(evaluation.reconstruct(experiment.model, shown, under=under, noise=noise, seed=seed))
    name = name_of("reconstruct-own" if pictures else "reconstruct", given=words)
    if names := column_names(experiment):
        _save_rows(out, experiment, name, split or "test", [shown.x.cpu().numpy(), *rows], names)
        return
    save_pictures(out, experiment, name, np.concatenate([shown.x.cpu().numpy(), *rows]), columns=len(shown.x))


def _save_rows(
    out: Path | None, experiment: Experiment, name: str, split: str, parts: list[np.ndarray], names: tuple[str, ...]
) -> None:
    """Rows (N, D) and what was made of them, side by side, with the rows' index."""
    import numpy as np

    index = experiment.data.index[split][experiment.pictured_index(len(parts[0]), split).numpy()]
    ends = ("", "_reconstructed", "_given")[: len(parts)]
    headers = [f"{column}{end}" for end in ends for column in names]
    save_rows(out, experiment, name, np.concatenate(parts, 1), {"index": index}, headers)


def _of_files(experiment: Experiment, pictures: list[Path], most: int, given: str | None) -> Batch:
    """Pictures as a batch; of many, some that are spread evenly."""
    read = read_files(experiment, pictures, given, most)
    if read.found > most:
        say(f"{most} of {read.found:,} pictures are shown (--count)")
    return experiment.batch_of(read.images)
