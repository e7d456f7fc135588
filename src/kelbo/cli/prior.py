"""`kelbo prior`: priors fitted to a trained run's codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, Json, RunPath, Seed
from kelbo.cli.printing import command, say

if TYPE_CHECKING:
    from kelbo.experiments.prior_files import FittedPrior

app = typer.Typer(help="Fit a prior to a trained run's codes, or list those that it has.", no_args_is_help=True)


@app.command()
def fit(
    run: RunPath,
    kind: Annotated[Literal["mixture", "flow"], typer.Option(help="A mixture of Gaussians, or a normalising flow.")],
    name: Annotated[str | None, typer.Option(help="Its name in the run. By default its kind.")] = None,
    components: Annotated[
        int | None, typer.Option(min=1, help="Of a mixture. By default 50, or 10 for each value of a condition.")
    ] = None,
    covariance: Annotated[
        Literal["full", "diag"] | None, typer.Option(help="Of a mixture's components. By default full.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=1, help="Of each image's posterior, for a mixture. By default enough for 50,000.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of a flow, at most. By default 4,000.")] = None,
    seed: Seed = 0,
    again: Annotated[bool, typer.Option("--again", help="Replace the prior of that name.")] = False,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Fit a prior to draws of the training images' posteriors. It is kept in the run's folder, for these weights."""
    from kelbo.cli.bars import counting
    from kelbo.experiments import open_run
    from kelbo.experiments.fitted_priors import fit_prior, require_options
    from kelbo.experiments.prior_files import require_free_name
    from kelbo.runs import Run

    options = {"components": components, "covariance": covariance, "draws": draws, "steps": steps}
    require_options(kind, **options)
    require_free_name(Run.open(run), kind if name is None else name, again)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    with counting("encoding", len(experiment.data.train), quiet=as_json) as encoding:
        fitted = fit_prior(experiment, kind, name=name, **options, seed=seed, again=again, encoding=encoding)
    _show([fitted], as_json, None)
    if not as_json:
        if fitted.about["held_out"]["mean"] < fitted.about["held_out"]["standard_normal"]:
            other = "more steps, or a mixture" if kind == "flow" else "fewer components, or more draws"
            say(f"held-out codes are less likely than under N(0, I): take {other}", err=True)
        say(f"{run}: evaluate, sample and report take it as --prior {fitted.name}")


@app.command("list")
def list_priors(run: RunPath, as_json: Json = False) -> None:
    """List the priors that were fitted to a run, and whether they are of its present weights.

    Files that cannot be read are named after those that can, and the command then fails.
    """
    from kelbo.errors import Damaged
    from kelbo.experiments.prior_files import read_prior
    from kelbo.runs import Run
    from kelbo.runs.checkpoints import best
    from kelbo.training.opened import digests

    opened = Run.open(run)
    found, damaged = [], []
    for name in opened.prior_names():
        try:
            found.append(read_prior(opened, name))
        except Damaged as error:
            damaged.append(error)
    weights = (digests(opened) + (digests(opened, "best") if best(opened) else [])) if found else []
    if not (found or damaged or as_json):
        say(f"{run} has no fitted prior; `{command('prior', 'fit', run)} --kind mixture` fits one")
        return
    if found or as_json:
        _show(found, as_json, weights)
    if damaged:
        raise Damaged(" ".join(map(str, damaged)))


def _show(found: list[FittedPrior], as_json: bool, weights: list[str] | None) -> None:
    """weights: hashes of those that the run has now, if priors may be of others."""
    from rich.table import Table

    from kelbo.cli.console import Console

    if as_json:
        entries = [{"name": one.name, "digest": one.digest, **one.about} for one in found]
        say(json.dumps({"priors": entries}, indent=2, allow_nan=False))
        return
    table = Table("prior", "kind", "settings", "held-out log density", "N(0, I)", "of weights", box=None)
    for one in found:
        told, held = one.about, one.about["held_out"]
        error = "" if held["standard_error"] is None else f" ± {held['standard_error']:.3f}"
        old = weights is not None and told["weights"] not in weights
        of = f"step {told['checkpoint']['step']:,}" + (", which the run no longer has" if old else "")
        worth = f"{held['mean']:.3f}{error} nats"
        table.add_row(
            one.name,
            told["prior"],
            one.words + ("" if told["settings"].get("converged", True) else ", not converged"),
            worth,
            f"{held['standard_normal']:.3f}",
            of,
        )
    Console().print(table)
