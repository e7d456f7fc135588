"""`kelbo import`: weights that others published, as runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from kelbo.cli.options import DataRoot, RecipeSettings
from kelbo.cli.printing import say

app = typer.Typer(help="Make a run of published weights.", no_args_is_help=True)
HpsName = Literal["cifar10", "imagenet32", "imagenet64", "ffhq256"]


@app.command("openai-vdvae")
def openai_vdvae(
    weights: Annotated[Path, typer.Argument(help="A released file of weights, …-model.th or …-model-ema.th.")],
    hps: Annotated[HpsName, typer.Option(help="The release's name of their settings.")],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    average: Annotated[
        Path | None, typer.Option(help="Their moving average, …-model-ema.th, if it is another file.")
    ] = None,
    settings: RecipeSettings = None,
    data_root: DataRoot = None,
) -> None:
    """Import weights of the very deep VAE (Child, 2021), to evaluate them or to train on.

    The run is at step 0: evaluate it, or continue with `kelbo train --resume --out RUN`. The data are read, for the run
    keeps which they are. Its likelihood is the published one; change it with --set likelihood.kind=logistic_mixture.
    """
    from kelbo.cli.train import changed
    from kelbo.experiments.published_vdvae import import_vdvae
    from kelbo.recipes.very_deep import released

    recipe = changed(released(hps), settings or [], None, None, data_root)
    run = import_vdvae(recipe, weights, out, average=average)
    say(
        f"{run.path}: the weights of {weights}\nnext: kelbo evaluate {run.path}   kelbo train --resume --out {run.path}"
    )
