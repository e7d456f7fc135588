"""`kelbo baseline`: codes of a data set by PCA, ICA, random weights or raw pixels, to compare with a model's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kelbo.cli.options import DataRoot, Seed, SetSettings
from kelbo.cli.printing import command, say


def baseline(
    kind: Annotated[str, typer.Argument(help="pca, ica, random or pixels.", metavar="KIND")],
    name: Annotated[str, typer.Argument(help="A data set: shapes2d, shapes3d, mnist …", metavar="SET")],
    out: Annotated[Path, typer.Option(help="File to write: .npz, or .parquet with the extra `parquet`.")],
    latents: Annotated[int, typer.Option(min=1, help="Codes per image; ignored by pixels.")] = 10,
    settings: SetSettings = None,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="Fit and encode in two pixel layouts, as one study did.")
    ] = False,
    seed: Seed = 0,
    data_root: DataRoot = None,
) -> None:
    """Fit a linear code to a set's training split and write the codes of all images; without factors, of the test split."""
    from kelbo.cli.code_files import require_writable, write_codes
    from kelbo.machine import suit_process
    from kelbo.recipes.build import baseline as corrected
    from kelbo.recipes.sets import read
    from kelbo.studies.beta_vae.as_published_baselines import baseline_as_published

    require_writable(out)
    suit_process()
    data = read(name, data_root, settings)
    encoder = (baseline_as_published if as_published else corrected)(kind, data.train, latents, seed=seed)
    if data.whole is None:
        labels, paths = data.labels.get("test"), data.names.get("test")
        write_codes(out, encoder.encode(data.test), None, labels=labels, paths=paths)
    else:
        write_codes(out, encoder.encode(data.whole.images), None, factors=data.whole)
    say(f"{out}: {encoder.latent_dims} codes of each image by {kind}" + _next(out, data.whole is not None))


def _next(out: Path, has_factors: bool) -> str:
    return f"; next: {command('score', out)}" if has_factors and out.suffix == ".npz" else ""
