"""`kelbo traverse`, `interpolate`: pictures on a way through the latents of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, GivenOfFiles, Picture, RunPath
from kelbo.cli.own_files import draw_of, is_index, one, open_at
from kelbo.cli.places import require_picture, save_pictures
from kelbo.cli.printing import say
from kelbo.cli.row_files import column_names, save_rows

if TYPE_CHECKING:
    from kelbo.bound import Batch
    from kelbo.evaluation.samples import LatentPoint
    from kelbo.experiments import Experiment
    from kelbo.experiments.latent_order import Shares


def traverse(
    run: RunPath,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="INDEX|FILE|prior",
            help="Where to start: a test image (0 by default), a picture file, or a draw of the prior (prior:7 is the 7th).",
        ),
    ] = None,
    span: Annotated[float, typer.Option(min=0, help="From -span to span, in prior standard deviations.")] = 2.5,
    steps: Annotated[int, typer.Option(min=2, help="Pictures per row.")] = 9,
    group: Annotated[
        int | None, typer.Option(min=1, help="Of a hierarchy: which group moves, 1 is the top; a row for each channel.")
    ] = None,
    given: GivenOfFiles = None,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Vary one latent at a time: one row per latent, by the factor that moves it or else the most used first.

    From a picture file, no factor is looked for: the order is by the rate of that picture's latents. From a draw, it is by what
    the run keeps of an evaluation. Without the data, it starts from a draw. Of a table, a CSV with a row for each value.
    """
    import numpy as np

    from kelbo import evaluation
    from kelbo.experiments.latent_order import factor_of, ordered

    require_picture(out)
    how = {"checkpoint": checkpoint, "device": device, "data_root": data_root}
    experiment, (image,) = open_at(run, [image], ["0"], given, **how)
    x = one(experiment, image, given)
    values = [span * (2 * i / (steps - 1) - 1) for i in range(steps)]
    if group is not None:
        rows = evaluation.traverse_group(experiment.model, x, group, values)
        say(f"rows from the top: the {len(rows)} channels of group {group}; the groups after it follow from the prior")
        name = f"{_name('traverse', [image])}-group-{group}"
        save_pictures(out, experiment, name, rows.reshape(-1, *rows.shape[2:]), columns=steps)
        return
    by_use, shares, order = _order(experiment, image, x)
    latents, moved = ordered(by_use, shares), factor_of(shares)
    rows = evaluation.traverse(experiment.model, x, latents, values)
    if column_names(experiment):
        where = {"latent": np.repeat(latents, steps), "value": np.tile(values, len(latents))}
        save_rows(out, experiment, "traverse", rows.reshape(-1, rows.shape[-1]), where)
        return
    told = [f"{k} ({moved[k].factor} {100 * moved[k].share:.0f} %)" if k in moved else str(k) for k in latents]
    say(f"rows from the top, latents by {order}: {', '.join(told)}")
    save_pictures(out, experiment, _name("traverse", [image]), rows.reshape(-1, *rows.shape[2:]), columns=steps)


def _order(experiment: Experiment, image: str, x: Batch | LatentPoint) -> tuple[list[int], Shares | None, str]:
    """The latents by their use, the share of each that factors explain if that is known, and the order in words."""
    from kelbo.evaluation.samples import LatentPoint
    from kelbo.experiments.draws import kept_shares, latents_by_kept_rate, latents_of
    from kelbo.experiments.moved_latents import measure_shares

    if isinstance(x, LatentPoint):
        measured, by_rate = kept_shares(experiment), latents_by_kept_rate(experiment)
    elif is_index(image):
        measured, by_rate = measure_shares(experiment), experiment.latents_by_rate()
    else:  # for files alone the data need not be read
        measured, by_rate = None, experiment.latents_by_rate(x)
    by_use, order = (latents_of(experiment), "their number") if by_rate is None else (by_rate, "their rate")
    if measured is None:
        return by_use, None, order
    return by_use, measured.value, "the factor that moves each most, and its share"


def _name(verb: str, places: Sequence[str]) -> str:
    """The name of a walk's picture in the run's folder."""
    own = (
        ""
        if all(map(is_index, places))
        else "-prior"
        if any(draw_of(place) is not None for place in places)
        else "-own"
    )
    return f"{verb}{own}"


def interpolate(
    run: RunPath,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="INDEX|FILE|prior",
            help="Where to start: a test image (0 by default), a picture file, or a draw of the prior (prior:7 is the 7th).",
        ),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="INDEX|FILE|prior", help="Where to end, likewise; test image 1 by default."),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Pictures, both ends included.")] = 10,
    groups: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of a hierarchy: how many groups, from the top, are mixed; the rest follow from the prior."
        ),
    ] = None,
    given: GivenOfFiles = None,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Interpolate between two images in the latents; without the data, between draws. Of a table, a CSV with a row a step."""
    from kelbo import evaluation

    require_picture(out)
    how = {"checkpoint": checkpoint, "device": device, "data_root": data_root}
    experiment, places = open_at(run, [first, last], ["0", "1"], given, **how)
    begin, end = (one(experiment, place, given) for place in places)
    if groups is not None:
        images = evaluation.interpolate_groups(experiment.model, begin, end, steps, groups)
        name = f"{_name('interpolate', places)}-groups-{groups}"
        save_pictures(out, experiment, name, images, columns=steps)
        return
    images = evaluation.interpolate(experiment.model, begin, end, steps)
    if column_names(experiment):
        save_rows(out, experiment, "interpolate", images, {"step": range(steps)})
        return
    save_pictures(out, experiment, _name("interpolate", places), images, columns=steps)
