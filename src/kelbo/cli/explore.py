"""`kelbo reconstruct`, `traverse`, `interpolate`, `encode`: what a run makes of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, Noise, Picture, RunPath, Seed
from kelbo.cli.places import require_picture, save_pictures


def reconstruct(
    run: RunPath,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many images.")] = 10,
    split: Annotated[str, typer.Option(help="Which split: test, train, …")] = "test",
    noise: Noise = False,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Picture = None,
) -> None:
    """Encode and decode images: originals above, reconstructions below."""
    import numpy as np

    from kelbo import evaluation
    from kelbo.experiments import open_run

    require_picture(out)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    shown = experiment.pictured(count, split)
    images = evaluation.reconstruct(experiment.model, shown, noise=noise, seed=seed)
    save_pictures(
        out or experiment.run.picture(experiment.step, "reconstruct"),
        np.concatenate([shown.x.cpu().numpy(), images]),
        columns=len(images),
    )


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


def encode(
    run: RunPath,
    out: Annotated[Path, typer.Option(help="File to write: .npz, or .parquet with the extra `parquet`.")],
    split: Annotated[
        str, typer.Option(help="Which split: test, train, …; all: every image of a set with factors, and its factors.")
    ] = "test",
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
) -> None:
    """Write the posterior's means and standard deviations for every image of a split, in order, with its file and class."""
    from kelbo import evaluation
    from kelbo.cli.code_files import require_writable, write_codes
    from kelbo.experiments import open_run
    from kelbo.experiments.scoring import factor_codes
    from kelbo.recipes.sets import split_of
    from kelbo.units import counted

    require_writable(out)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    labels = factors = paths = None
    if split == "all":
        codes, whole = factor_codes(experiment), experiment.data.whole
        means, scales, factors = codes.means, codes.scales, whole.factors if whole else None
    else:
        means, scales = evaluation.encode(experiment.model, split_of(experiment.data, split))
        labels, paths = experiment.data.labels.get(split), experiment.data.names.get(split)
    write_codes(out, means, scales, labels=labels, factors=factors, paths=paths)
    typer.echo(f"{out}: {counted(len(means), 'image')}, {counted(means.shape[1], 'latent')}")
