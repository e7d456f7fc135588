"""`kelbo reproduce`: a paper's study, from its plan to its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kelbo.cli.options import DataRoot
from kelbo.cli.printing import say
from kelbo.names import as_utf8

if TYPE_CHECKING:
    from kelbo.cli.console import Console
    from kelbo.studies.arms import Ask, Mode
    from kelbo.studies.lanes import Course
    from kelbo.studies.study import Study
    from kelbo.sweeps.engines import LaneOptions
    from kelbo.sweeps.jobs import Watch


def reproduce(
    study: Annotated[
        str | None,
        typer.Argument(metavar="[STUDY]", help="Which study, or a Python file with one; without, they are listed."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", parser=as_utf8, metavar="OPTION=VALUE", help="An option of the study, or a setting of its data."
        ),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="How much is trained. By default the study's smallest.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="table1,fig6,…", help="Only these tables and figures; a wrong name lists the known ones."),
    ] = None,
    mode: Annotated[
        Literal["corrected", "as-published"], typer.Option(help="As it should be, or as the paper's code did it.")
    ] = "corrected",
    how: Annotated[
        Literal["auto", "stack", "queue"],
        typer.Option(help="Lanes as one program or by processes. auto stacks if an accelerator makes that faster."),
    ] = "auto",
    on: Annotated[
        str | None, typer.Option(metavar="ray[:ADDRESS]", help="Send lanes and measures to Ray, here or at an address.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The study's folder. By default below runs/.")] = None,
    data_root: DataRoot = None,
    features: Annotated[
        str | None,
        typer.Option(help="Network of Fréchet distances: inception-2015, a data set's name, random-0, a file."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. By default as many as suit the machine.")
    ] = None,
    training: Annotated[
        bool, typer.Option("--train/--no-train", help="--no-train only measures the lanes that are trained already.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Reproduce a published study: train its models, measure them, and test its claims against the numbers.

    Running the same command again continues an unfinished study.
    """
    from kelbo.sweeps.engines import LaneOptions

    if study is None:
        return _list()
    found, ask, folder = _asked(study, settings or (), budget, only, mode, out, data_root, features)
    return _run(found, ask, folder, LaneOptions(how, on, workers), training=training, dry_run=dry_run)


def _asked(
    study: str,
    settings: Sequence[str],
    budget: str | None,
    only: list[str] | None,
    mode: Mode,
    out: Path | None,
    root: Path | None,
    features: str | None,
) -> tuple[Study, Ask, Path]:
    """A study, what is asked of it, and the folder that it is done in."""
    from kelbo.errors import RecipeError
    from kelbo.studies.arms import Ask
    from kelbo.studies.options import options_of
    from kelbo.studies.registry import study_of

    found = study_of(study)
    budget = budget or next(iter(found.budgets))
    if budget not in found.budgets:
        raise RecipeError(f"The study {found.name} has no budget {budget!r}; it has {', '.join(found.budgets)}.")
    options, changes = options_of(found, settings)
    keys = tuple(key.strip() for text in only for key in text.split(",") if key.strip()) if only else None
    parts = [found.name, options.label, budget, "" if mode == "corrected" else mode]
    ask = Ask(options, found.budgets[budget], mode, keys, changes, root, features)
    return found, ask, out or Path("runs") / "-".join(filter(None, parts))


def _run(found: Study, ask: Ask, folder: Path, lanes: LaneOptions, *, training: bool, dry_run: bool) -> None:
    from kelbo.cli.console import Console
    from kelbo.studies.course import begin, expected, planned, reproduce as run

    console = Console()
    course = planned(found, ask, folder) if dry_run else begin(found, ask, folder, new=training, how=lanes)
    _tell(console, course)
    estimate = None
    if training and lanes.on is None:
        estimate = expected(course, lanes.workers)
        console.print(
            f"about {_clock(estimate.seconds)} here with {estimate.workers} worker{'s' * (estimate.workers > 1)}: "
            f"{_clock(estimate.training)} to train, {_clock(estimate.measuring)} to measure"
        )
    if not dry_run:
        shown = {"say": say, "watching": _watching, "estimate": estimate}
        say(run(found, ask, folder, how=lanes, training=training, **shown))


def _list() -> None:
    """The studies, what each runs and about how long."""
    from rich.table import Table

    from kelbo.cli.console import Console
    from kelbo.studies.registry import studies

    table = Table("study", "what it runs", "budgets, on two processor cores")
    for found in studies().values():
        budgets = [
            f"{name}: about {_clock(each.seconds)}{each.about and ', ' + each.about}"
            for name, each in found.budgets.items()
        ]
        table.add_row(found.name, found.about, "\n".join(budgets))
    Console().print(table)


def _tell(console: Console, course: Course) -> None:
    """What is done of a study."""
    from rich.table import Table

    from kelbo.data.roots import data_root

    ask = course.ask
    parts = [str(v) for value in ask.selection.values() if value for v in value]
    console.print(
        f"{course.study.title}, {ask.mode}, budget {ask.budget.name}: {', '.join(parts) or 'everything'}, "
        f"in {course.folder.path}",
        soft_wrap=True,
    )
    table = Table("sweep", "lanes", "varied", "seeds", "steps", "of paper's")
    for arm in course.arms:
        lanes = [one.lane for one in course.lanes if one.arm.name == arm.name]
        steps = arm.recipe.training.steps
        varied = [", ".join(dict.fromkeys(lane.settings[path] for lane in lanes)) for path in arm.over]
        seeds = ", ".join(dict.fromkeys(str(lane.seed) for lane in lanes))
        share = f"{100 * steps / arm.paper_steps:.3g} %"
        table.add_row(arm.name, str(len(lanes)), "; ".join(varied), seeds, f"{steps:,}", share)
    if course.arms:
        console.print(table)
    for note in dict.fromkeys(f"{arm.name}: {arm.note}" for arm in course.arms if arm.note):
        console.print(note, soft_wrap=True)
    console.print(f"official files are looked for in {data_root(ask.root)}", soft_wrap=True)
    if ask.features:  # those that an earlier command named stay
        console.print(f"features of distances: {ask.features}", soft_wrap=True)
    for what, why in course.plan.left_out:
        console.print(f"left out: {what}, since {why}", soft_wrap=True)


@contextmanager
def _watching(jobs: int) -> Iterator[Watch]:
    """The lines of a queue's jobs."""
    from kelbo.cli.lane_lines import JobLines

    with JobLines(jobs) as lanes:
        yield lanes.watch


def _clock(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
