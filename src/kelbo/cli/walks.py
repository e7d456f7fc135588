"""`kelbo traverse`, `interpolate`: pictures on a way through the latents of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, GivenOfFiles, Picture, RunPath
from kelbo.cli.own_files import is_index, one, require_files
from kelbo.cli.places import require_picture, save_pictures
from kelbo.cli.printing import say
from kelbo.cli.row_files import column_names, save_rows


def traverse(
    run: RunPath,
    image: Annotated[
        str, typer.Option(metavar="INDEX|FILE", help="The test image to start from, or a picture file.")
    ] = "0",
    span: Annotated[float, typer.Option(min=0, help="From -span to span, in prior standard deviations.")] = 2.5,
    steps: Annotated[int, typer.Option(min=2, help="Pictures per row.")] = 9,
    given: GivenOfFiles = None,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Vary one latent at a time: one row per latent, by the factor that moves it or else the most used first.

    From a picture file, no factor is looked for: the order is by the rate of that picture's latents. Of a table, a CSV with a
    row for each value.
    """
    import numpy as np

    from kelbo import evaluation
    from kelbo.experiments import open_run
    from kelbo.experiments.latent_order import factor_of, ordered
    from kelbo.experiments.moved_latents import measure_shares

    require_picture(out)
    index = is_index(image)
    require_files(given, not index)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root, read_data=index)
    x = one(experiment, image, given)
    measured = measure_shares(experiment) if index else None  # for files alone the data need not be read
    shares = measured and measured.value
    by_rate = experiment.latents_by_rate(None if index else x)
    latents, moved = ordered(by_rate, shares), factor_of(shares)
    values = [span * (2 * i / (steps - 1) - 1) for i in range(steps)]
    rows = evaluation.traverse(experiment.model, x, latents, values)
    if column_names(experiment):
        where = {"latent": np.repeat(latents, steps), "value": np.tile(values, len(latents))}
        save_rows(out, experiment, "traverse", rows.reshape(-1, rows.shape[-1]), where)
        return
    told = [f"{k} ({moved[k].factor} {100 * moved[k].share:.0f} %)" if k in moved else str(k) for k in latents]
    order = "the factor that moves each most, and its share" if shares else "their rate"
    say(f"rows from the top, latents by {order}: {', '.join(told)}")
    path = out or experiment.run.picture(experiment.step, "traverse" if index else "traverse-own")
    save_pictures(path, rows.reshape(-1, *rows.shape[2:]), columns=steps)


def interpolate(
    run: RunPath,
    first: Annotated[
        str, typer.Option("--from", metavar="INDEX|FILE", help="The test image to start from, or a picture file.")
    ] = "0",
    last: Annotated[
        str, typer.Option("--to", metavar="INDEX|FILE", help="The test image to end at, or a picture file.")
    ] = "1",
    steps: Annotated[int, typer.Option(min=2, help="Pictures, both ends included.")] = 10,
    given: GivenOfFiles = None,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Interpolate between two images in the latents. Of a table, a CSV with a row for each step."""
    from kelbo import evaluation
    from kelbo.experiments import open_run

    require_picture(out)
    indices = [is_index(end) for end in (first, last)]
    require_files(given, not all(indices))
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root, read_data=any(indices))
    begin, end = (one(experiment, text, given) for text in (first, last))
    images = evaluation.interpolate(experiment.model, begin, end, steps)
    if column_names(experiment):
        save_rows(out, experiment, "interpolate", images, {"step": range(steps)})
        return
    name = "interpolate" if all(indices) else "interpolate-own"
    save_pictures(out or experiment.run.picture(experiment.step, name), images, columns=steps)
