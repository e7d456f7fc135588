"""`kelbo traverse`, `interpolate`: pictures on a way through the latents of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, Picture, RunPath
from kelbo.cli.places import require_picture, save_pictures


def traverse(
    run: RunPath,
    image: Annotated[int, typer.Option(min=0, help="Index of the test image to start from.")] = 0,
    span: Annotated[float, typer.Option(min=0, help="From -span to span, in prior standard deviations.")] = 2.5,
    steps: Annotated[int, typer.Option(min=2, help="Pictures per row.")] = 9,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Vary one latent at a time: one row per latent, by the factor that moves it or else the most used first."""
    from kelbo import evaluation
    from kelbo.experiments import open_run
    from kelbo.experiments.latent_order import factor_of, ordered
    from kelbo.experiments.moved_latents import measure_shares

    require_picture(out)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    x = experiment.image(image)
    measured = measure_shares(experiment)
    shares = measured and measured.value
    latents, moved = ordered(experiment.latents_by_rate(), shares), factor_of(shares)
    values = [span * (2 * i / (steps - 1) - 1) for i in range(steps)]
    rows = evaluation.traverse(experiment.model, x, latents, values)
    told = [f"{k} ({moved[k].factor} {100 * moved[k].share:.0f} %)" if k in moved else str(k) for k in latents]
    order = "the factor that moves each most, and its share" if shares else "their rate"
    typer.echo(f"rows from the top, latents by {order}: {', '.join(told)}")
    save_pictures(
        out or experiment.run.picture(experiment.step, "traverse"), rows.reshape(-1, *rows.shape[2:]), columns=steps
    )


def interpolate(
    run: RunPath,
    first: Annotated[int, typer.Option("--from", min=0, help="Index of the test image to start from.")] = 0,
    last: Annotated[int, typer.Option("--to", min=0, help="Index of the test image to end at.")] = 1,
    steps: Annotated[int, typer.Option(min=2, help="Pictures, both ends included.")] = 10,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Interpolate between two images in the latents."""
    from kelbo import evaluation
    from kelbo.experiments import open_run

    require_picture(out)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    images = evaluation.interpolate(experiment.model, experiment.image(first), experiment.image(last), steps)
    save_pictures(out or experiment.run.picture(experiment.step, "interpolate"), images, columns=steps)
