"""`kelbo report`: the page of a run or a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kelbo.cli.measure import measured_on
from kelbo.cli.options import Checkpoint, DataRoot, Device, FittedPriorName
from kelbo.cli.places import require_file, write_and_tell
from kelbo.cli.printing import say


def report(
    run: Annotated[Path, typer.Argument(help="A run's folder, or a sweep's.", metavar="RUN")],
    noise: Annotated[bool, typer.Option("--noise", help="Sample the full model, not the decoder's mean.")] = False,
    kept: Annotated[
        bool, typer.Option("--kept", help="Write the page of the last measurement from the folder alone.")
    ] = False,
    prior: FittedPriorName = None,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Annotated[Path | None, typer.Option(help="The page's file, .html. By default in the run's folder.")] = None,
) -> None:
    """Write one self-contained HTML page about a run or a sweep, and its pictures as PNG files in a folder beside it.

    A sweep's page is written from what its lanes keep, and takes no option but --out.
    """
    from kelbo.runs import Sweep

    require_file(out, ".html")
    if Sweep(run).definition_path.is_file():
        _require_none(noise=noise, prior=prior, checkpoint=checkpoint != "last", device=device, data_root=data_root)
        _report_sweep(run, out)
    else:
        opening = {"checkpoint": checkpoint, "device": device, "data_root": data_root, "prior": prior}
        _report_run(run, noise, kept, opening, out)


def _report_run(run: Path, noise: bool, kept: bool, opening: dict[str, Any], out: Path | None) -> None:
    from kelbo.errors import DataMissing
    from kelbo.experiments import open_run
    from kelbo.experiments.pictures import kept_page, measure_page, measure_without_data
    from kelbo.reports.run_page import write_page
    from kelbo.runs import Run

    opened, page = Run.open(run), None
    if not kept:
        try:
            experiment = open_run(run, **opening)
            page = measure_page(experiment, noise=noise)
        except DataMissing:
            experiment = open_run(run, read_data=False, **opening)
            page = kept_page(experiment, noise=noise)
            which = f"was measured {measured_on(page)}" if page else "shows what the run has"
            say(f"the data were not found (--data-root PATH); this page {which}", err=True)
            page = page or measure_without_data(experiment, noise=noise)
        opened = experiment.run  # which has what its folder could not keep
    write_and_tell(out, opened.report_page, run, lambda path: write_page(opened, page, path))


def _report_sweep(folder: Path, out: Path | None) -> None:
    """Needs neither PyTorch nor data."""
    from kelbo.reports.sweep_page import write_page
    from kelbo.runs import Sweep

    sweep = Sweep.open(folder)
    write_and_tell(out, sweep.report_page, folder, lambda path: write_page(sweep, path))


def _require_none(**options: object) -> None:
    """RecipeError if an option is given that a sweep's page does not take."""
    from kelbo.errors import RecipeError

    if given := [f"--{name.replace('_', '-')}" for name, value in options.items() if value]:
        raise RecipeError(f"A sweep's page is written from what its lanes keep; it takes no {given[0]}.")
