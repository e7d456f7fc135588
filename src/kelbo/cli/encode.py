"""`kelbo encode`: the codes of images, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, RunPath


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
