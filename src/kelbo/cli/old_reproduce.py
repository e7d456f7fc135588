"""The studies that do not stand on the engine yet, as `kelbo reproduce` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

STUDIES = {
    "beta-vae": "does β > 1 make latents of single factors?",
}

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


def run(
    study: str,
    settings: Sequence[str],
    budget: str | None,
    only: list[str] | None,
    mode: str,
    root: Path | None,
    features: str | None,
    out: Path | None,
    how: str,
    workers: int | None,
    *,
    training: bool,
    dry_run: bool,
) -> None:
    """Run a study. settings: its options, and those of its data."""
    from rich.console import Console

    from kelbo.errors import RecipeError

    budget = budget or "minutes"
    if settings:
        raise RecipeError(
            f"The β-VAE study has sets, models and seeds of its own; it has no option {settings[0]!r}.",
            remedy=("settings",),
        )
    found = _beta_vae(budget, mode, {"only": _listed(only), "root": root, "features": features})
    folder = out or Path("runs") / (f"{study}-{budget}" + ("" if mode == "corrected" else f"-{mode}"))
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


def _beta_vae(budget: str, mode: Any, asked: dict[str, Any]) -> Prepared:
    from kelbo.studies.beta_vae import reproduce as study
    from kelbo.studies.beta_vae.budget import budget_of
    from kelbo.studies.beta_vae.plan import plan_of

    plan = plan_of(budget_of(budget), mode, **asked)
    return Prepared(plan, study.begin, study.expected, study.reproduce, _tell_beta_vae)


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
