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
    """Vary one latent at a time: one row per latent, the most used first."""
    from kelbo import evaluation
    from kelbo.experiments import open_run

    require_picture(out)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    x = experiment.image(image)
    latents = experiment.latents_by_rate()
    values = [span * (2 * i / (steps - 1) - 1) for i in range(steps)]
    rows = evaluation.traverse(experiment.model, x, latents, values)
    typer.echo(f"rows from the top, latents by their rate: {', '.join(map(str, latents))}")
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
