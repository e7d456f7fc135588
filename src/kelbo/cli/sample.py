"""`kelbo sample`: pictures drawn from a run's prior."""

from __future__ import annotations

from typing import Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, Noise, Picture, RunPath, Seed
from kelbo.cli.places import require_picture, save_pictures


def sample(
    run: RunPath,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many images.")] = 64,
    noise: Noise = False,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Draw images from the prior."""
    from kelbo import evaluation
    from kelbo.experiments import open_run

    require_picture(out)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root, read_data=False)
    images = evaluation.sample(experiment.model, count, given=experiment.conditions(count), noise=noise, seed=seed)
    save_pictures(out or experiment.run.picture(experiment.step, "sample"), images, columns=round(count**0.5))
