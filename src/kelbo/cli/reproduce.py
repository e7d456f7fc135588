"""`kelbo reproduce`: a paper's study from its plan to its page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kelbo.cli.options import DataRoot

if TYPE_CHECKING:
    from kelbo.studies.beta_vae.estimate import Estimate
    from kelbo.studies.beta_vae.plan import Plan
    from kelbo.sweeps.jobs import Watch

STUDIES = ("beta-vae",)


def reproduce(
    study: Annotated[str, typer.Argument(help="Which study: beta-vae.", metavar="STUDY")],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="table1,fig6,…", help="Only these tables and figures; identity and quirks too."),
    ] = None,
    budget: Annotated[
        Literal["minutes", "hours", "paper"], typer.Option(help="How much is trained; paper is its 40 epochs.")
    ] = "minutes",
    mode: Annotated[
        Literal["corrected", "as-published"], typer.Option(help="As it should be, or as the study's code did it.")
    ] = "corrected",
    data_root: DataRoot = None,
    features: Annotated[
        str | None,
        typer.Option(help="Network of Fréchet distances: inception-2015, a data set's name, random-0, a file."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The study's folder. By default runs/STUDY-BUDGET.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes. By default what the machine has.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Do a published study again: train its models, measure them, and hold its claims against the numbers.

    The same command goes on with what was begun.
    """
    from kelbo.errors import RecipeError
    from kelbo.studies.beta_vae.budget import budget_of
    from kelbo.studies.beta_vae.plan import plan_of
    from kelbo.studies.beta_vae.reproduce import begin, expected, reproduce

    if study not in STUDIES:
        raise RecipeError(f"There is no study {study!r}; there is {', '.join(STUDIES)}.")
    names = [name.strip() for text in only for name in text.split(",") if name.strip()] if only else None
    plan = plan_of(budget_of(budget), mode, names, data_root, features)
    folder = out or Path("runs") / (f"{study}-{budget}" + ("" if mode == "corrected" else f"-{mode}"))
    if not dry_run:
        begin(plan, folder)
    about = expected(plan, folder, workers)
    _tell(plan, folder, about)
    if not dry_run:
        typer.echo(
            reproduce(plan, folder, workers=workers, say=typer.echo, watching=_watching, estimated=about.seconds)
        )


@contextmanager
def _watching(jobs: int) -> Iterator[Watch]:
    """The lines of a queue's jobs."""
    from kelbo.cli.lanes import Lanes

    with Lanes(jobs) as lanes:
        yield lanes.watch


def _tell(plan: Plan, folder: Path, expected: Estimate) -> None:
    """The plan in a terminal."""
    from rich.console import Console
    from rich.table import Table

    from kelbo.data.roots import data_root

    console = Console(highlight=False)
    asked = "everything" if plan.only is None else ", ".join(plan.only)
    console.print(f"β-VAE study, {plan.mode}, budget {plan.budget.name}: {asked}, in {folder}", soft_wrap=True)
    table = Table("sweep", "images", "lanes", "steps", "of paper's", "epochs")
    for sweep in plan.told()["sweeps"]:
        table.add_row(
            sweep["name"],
            sweep["set"] if sweep["source"] != "rendered" else f"{sweep['set']} for {sweep['role']}",
            str(sweep["lanes"]),
            f"{sweep['steps']:,}",
            f"{100 * sweep['steps'] / sweep['paper_steps']:.2g} %",
            f"{sweep['epochs']:.2g}",
        )
    if plan.sweeps:
        console.print(table)
    for sweep in plan.sweeps:
        console.print(f"{sweep.name}: {sweep.source.note}", soft_wrap=True, markup=False)
    console.print(f"official files are looked for in {data_root(plan.root)}", soft_wrap=True, markup=False)
    for what, why in plan.left_out:
        console.print(f"left out: {what}, since {why}", soft_wrap=True, markup=False)
    if plan.features:
        names = ", ".join(f"{network.name} ({role})" for role, network in plan.features.items())
        console.print(f"Fréchet distances through {names}", soft_wrap=True, markup=False)
    console.print(
        f"about {_clock(expected.seconds)} here with {expected.workers} worker{'s' * (expected.workers > 1)}: "
        f"{_clock(expected.training)} to train, {_clock(expected.measuring)} to measure"
    )


def _clock(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
