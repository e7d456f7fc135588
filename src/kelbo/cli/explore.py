"""`kelbo reconstruct`: images and what a run makes of them."""

from __future__ import annotations

from typing import Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, Given, Noise, Picture, RunPath, Seed
from kelbo.cli.places import require_picture, save_pictures


def reconstruct(
    run: RunPath,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many images.")] = 10,
    split: Annotated[str, typer.Option(help="Which split: test, train, …")] = "test",
    given: Given = None,
    noise: Noise = False,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Encode and decode images: originals above, reconstructions below; under another condition in a third row."""
    import numpy as np

    from kelbo import evaluation
    from kelbo.experiments import open_run
    from kelbo.experiments.conditional import conditional

    require_picture(out)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    shown = experiment.pictured(count, split)
    rows = [evaluation.reconstruct(experiment.model, shown, noise=noise, seed=seed)]
    if given is not None:
        of = conditional(experiment, given)
        under = of.changed(shown, of.chosen(given))
        rows.append(evaluation.reconstruct(experiment.model, shown, under=under, noise=noise, seed=seed))
    path = out or experiment.run.picture(experiment.step, "reconstruct")
    save_pictures(path, np.concatenate([shown.x.cpu().numpy(), *rows]), columns=len(shown.x))
