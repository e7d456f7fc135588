"""`kelbo reproduce`: a paper's study, from its plan to its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kelbo.cli import study_options
from kelbo.cli.options import DataRoot
from kelbo.cli.study_options import STUDIES

if TYPE_CHECKING:
    from rich.console import Console

    from kelbo.studies.probe import TimeEstimate
    from kelbo.sweeps.jobs import Watch


@dataclass(frozen=True)
class Prepared:
    """A study's plan, its steps (`begin`, `expected` and `reproduce`), and the function that describes the plan."""

    plan: Any
    begin: Callable[..., Any]
    expected: Callable[..., TimeEstimate]
    reproduce: Callable[..., Path]
    tell: Callable[[Console, Any, Path], None]


def reproduce(
    study: study_options.Study,
    only: study_options.Only = None,
    budget: study_options.Budget = "minutes",
    mode: study_options.Mode = "corrected",
    data: study_options.Images = None,
    data_root: DataRoot = None,
    settings: study_options.ImageSettings = None,
    decoders: study_options.Decoders = None,
    betas: study_options.Betas = None,
    seeds: study_options.Seeds = None,
    precision: study_options.Precision = None,
    features: study_options.Features = None,
    out: study_options.Out = None,
    how: study_options.How = "auto",
    workers: study_options.Workers = None,
    training: study_options.Training = True,
    dry_run: study_options.DryRun = False,
) -> None:
    """Reproduce a published study: train its models, measure them, and test its claims against the numbers.

    Running the same command again continues an unfinished study.
    """
    from rich.console import Console

    from kelbo.errors import RecipeError

    own = {
        "--data": data,
        "--set": settings,
        "--decoders": _listed(decoders),
        "--betas": _listed(betas),
        "--seeds": seeds,
        "--precision": precision,
    }
    if study == "beta-vae":
        found = _beta_vae(budget, mode, own, {"only": _listed(only), "root": data_root, "features": features})
    elif study == "sigma-vae":
        found = _sigma_vae(budget, mode, own, _listed(only), {"root": data_root, "features": features})
    else:
        raise RecipeError(f"There is no study {study!r}; there is {', '.join(STUDIES)}.")
    of = f"-{(data or 'mnist').partition(':')[0]}" if study == "sigma-vae" else ""
    folder = out or Path("runs") / (f"{study}{of}-{budget}" + ("" if mode == "corrected" else f"-{mode}"))
    if not dry_run:
        found.begin(found.plan, folder, new=training, how=how)
    console = Console(highlight=False)
    found.tell(console, found.plan, folder)
    seconds = _estimate(console, found, folder, workers) if training else None
    if not dry_run:
        shown = {"say": typer.echo, "watching": _watching, "estimated": seconds}
        typer.echo(found.reproduce(found.plan, folder, workers=workers, how=how, training=training, **shown))


def _estimate(console: Console, found: Prepared, folder: Path, workers: int | None) -> float:
    """Print about how long it takes; returns the seconds."""
    about = found.expected(found.plan, folder, workers)
    console.print(
        f"about {_clock(about.seconds)} here with {about.workers} worker{'s' * (about.workers > 1)}: "
        f"{_clock(about.training)} to train, {_clock(about.measuring)} to measure"
    )
    return about.seconds


def _listed(texts: list[str] | None) -> list[str] | None:
    """Names separated by commas, in one option or several; None if it was not given."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()] if texts else None


def _beta_vae(budget: str, mode: Any, own: dict[str, Any], asked: dict[str, Any]) -> Prepared:
    from kelbo.errors import RecipeError
    from kelbo.studies.beta_vae import reproduce as study
    from kelbo.studies.beta_vae.budget import budget_of
    from kelbo.studies.beta_vae.plan import plan_of

    if given := [option for option, value in own.items() if value is not None]:
        raise RecipeError(
            f"The β-VAE study has sets, models and seeds of its own; {', '.join(given)} is for sigma-vae."
        )
    plan = plan_of(budget_of(budget), mode, **asked)
    return Prepared(plan, study.begin, study.expected, study.reproduce, _tell_beta_vae)


def _sigma_vae(budget: str, mode: Any, own: dict[str, Any], only: list[str] | None, asked: dict[str, Any]) -> Prepared:
    from kelbo.studies.sigma_vae import reproduce as study
    from kelbo.studies.sigma_vae.budget import budget_of
    from kelbo.studies.sigma_vae.plan import plan_of
    from kelbo.studies.sigma_vae.wanted import asked_for
    from kelbo.sweeps.grid import seeds_of

    whole = budget_of(budget)
    plan = plan_of(
        whole if own["--seeds"] is None else whole.of_seeds(seeds_of(own["--seeds"])),
        own["--data"] or "mnist",
        mode,
        asked_for(only, own["--decoders"], own["--betas"]),
        settings=own["--set"] or (),
        precision=own["--precision"],
        **asked,
    )
    return Prepared(plan, study.begin, study.expected, study.reproduce, _tell_sigma_vae)


@contextmanager
def _watching(jobs: int) -> Iterator[Watch]:
    """The lines of a queue's jobs."""
    from kelbo.cli.lane_lines import JobLines

    with JobLines(jobs) as lanes:
        yield lanes.watch


def _tell_beta_vae(console: Console, plan: Any, folder: Path) -> None:
    from rich.table import Table

    from kelbo.data.roots import data_root
    from kelbo.runs.study_folder import StudyFolder as Study

    console.print(f"β-VAE study, {_how(plan, plan.only or ())}, in {folder}", soft_wrap=True)
    table = Table("sweep", "images", "lanes", "steps", "of paper's", "epochs")
    for sweep in plan.told()["sweeps"]:
        table.add_row(
            sweep["name"],
            sweep["set"] if sweep["source"] != "rendered" else f"{sweep['set']} for {sweep['role']}",
            str(sweep["lanes"]),
            f"{sweep['steps']:,}",
            f"{100 * sweep['steps'] / sweep['paper_steps']:.3g} %",
            f"{sweep['epochs']:.2g}",
        )
    if plan.sweeps:
        console.print(table)
    for sweep in plan.sweeps:
        console.print(f"{sweep.name}: {sweep.source.note}", soft_wrap=True, markup=False)
    console.print(f"official files are looked for in {data_root(plan.root)}", soft_wrap=True, markup=False)
    _tell_left_out(console, plan)
    # features named by an earlier command stay
    through = plan.asking(plan.only, Study(folder).record().get("features")).features
    if through:
        names = ", ".join(f"{network.title} ({role})" for role, network in through.items())
        console.print(f"Fréchet distances through {names}", soft_wrap=True, markup=False)


def _tell_sigma_vae(console: Console, plan: Any, folder: Path) -> None:
    from rich.table import Table

    facts = plan.told(None)
    (asked,) = plan.asked
    parts = [*(asked.only or ()), *(asked.decoders or ()), *(f"β={beta}" for beta in asked.betas or ())]
    console.print(f"σ-VAE study on {plan.title}, {_how(plan, parts)}, in {folder}", soft_wrap=True)
    console.print(f"{facts['note']}: {facts['images']:,} training images", soft_wrap=True, markup=False)
    table = Table("sweep", "over", "lanes")
    for sweep in plan.sweeps:
        used = dict.fromkeys(lane.decoder if sweep.path.endswith("kind") else lane.beta for lane in sweep.lanes)
        table.add_row(sweep.name, ", ".join(used), str(len(sweep.lanes)))
    console.print(table)
    console.print(
        f"network {facts['network']}, {facts['latents']} latents; {facts['steps']:,} steps a lane "
        f"({100 * facts['steps'] / facts['paper_steps']:.3g} % of the full {facts['paper_steps']:,}), "
        f"{facts['epochs']:.2g} epochs, in {facts['precision']}; seeds {', '.join(map(str, plan.budget.main))}"
    )
    _tell_left_out(console, plan)


def _how(plan: Any, parts: Sequence[str]) -> str:
    return f"{plan.mode}, budget {plan.budget.name}: {', '.join(parts) or 'everything'}"


def _tell_left_out(console: Console, plan: Any) -> None:
    for what, why in plan.left_out:
        console.print(f"left out: {what}, since {why}", soft_wrap=True, markup=False)


def _clock(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
