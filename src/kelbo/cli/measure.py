"""`kelbo evaluate` and `kelbo report`: numbers and the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kelbo.cli.launching import Accelerator, Devices, Nodes, launch_where_asked
from kelbo.cli.options import Checkpoint, DataRoot, Device, FittedPriorName, Json, RunPath, Seed
from kelbo.cli.places import require_file, write_and_tell
from kelbo.cli.printing import say
from kelbo.cli.scores import ClassifierName, Features, Metrics, Pairs, show, wished

if TYPE_CHECKING:
    from rich.table import Table

    from kelbo.runs import Measurement

Clouds = Annotated[int, typer.Option(min=8, help="Images on each side of an image distance.")]
Codes = Annotated[int | None, typer.Option(min=100, help="Images of a set with factors to encode. By default all.")]


def evaluate(
    run: RunPath,
    split: Annotated[str, typer.Option(help="Which split: test, train, …")] = "test",
    samples: Annotated[int, typer.Option(min=0, help="Draws of the importance-weighted bound; 0 for none.")] = 0,
    dequantize: Annotated[bool, typer.Option("--dequantize", help="Score densities on the 0–256 scale.")] = False,
    metrics: Metrics = None,
    features: Features = None,
    images: Clouds = 10_000,
    codes: Codes = None,
    pairs: Pairs = 64,
    classifier: ClassifierName = "logistic",
    batch_size: Annotated[int, typer.Option(min=1)] = 256,
    seed: Seed = 0,
    prior: FittedPriorName = None,
    checkpoint: Checkpoint = "last",
    again: Annotated[bool, typer.Option("--again", help="Measure again what is kept for these weights.")] = False,
    device: Device = None,
    accelerator: Accelerator = None,
    devices: Devices = None,
    num_nodes: Nodes = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Measure a run on a whole split. Numbers are kept in its folder, and read from there the next time."""
    from kelbo.cli.bars import counting
    from kelbo.data.batches import share
    from kelbo.distributed.processes import failing_together, place
    from kelbo.errors import DataMissing
    from kelbo.experiments import evaluate_run, open_run
    from kelbo.experiments.feature_networks import open_for
    from kelbo.experiments.scoring import require_scores, score_run
    from kelbo.recipes.sets import split_of

    wish = wished(metrics, features, pairs, classifier)
    fabric = launch_where_asked(device, accelerator, devices, num_nodes)
    rank, world = place(fabric)
    opening = {"checkpoint": checkpoint, "data_root": data_root, "prior": prior}
    how = {"samples": samples, "dequantized": dequantize, "batch_size": batch_size, "seed": seed}
    with failing_together(fabric):
        try:
            experiment = open_run(run, device=str(fabric.device) if fabric else device, fabric=fabric, **opening)
        except DataMissing:
            kept = None if fabric or wish["names"] or again else _kept(run, split, opening, how)
            if kept is None:
                raise
            return _show(run, split, kept, {}, as_json)
        network = (
            open_for(experiment, features, data_root) if features and "images" in wish["names"] and rank == 0 else None
        )
        require_scores(experiment, wish["names"], network=features is not None, lenient=wish["lenient"])
        own = share(len(split_of(experiment.data, split)), batch_size, rank, world)
        with counting("evaluating", len(own), quiet=as_json or rank > 0) as advance:
            record = evaluate_run(experiment, split, **how, again=again, fabric=fabric, advance=advance)
    if rank > 0:
        return None
    scored = {}
    if wish["names"]:
        chosen = {"split": split, "network": network, "images": images, "codes": codes, "seed": seed, "again": again}
        with counting("encoding", None, quiet=as_json) as progress:
            scored = score_run(experiment, **wish, **chosen, advance=progress)
    return _show(run, split, record, scored, as_json)


def _kept(run: Path, split: str, opening: dict[str, Any], how: dict[str, Any]) -> dict[str, Any] | None:
    """The record that a run keeps of such an evaluation of these weights, which is said; None if there is none."""
    from kelbo.experiments import open_run
    from kelbo.experiments.measure import kept_evaluation

    found = kept_evaluation(open_run(run, read_data=False, device="cpu", **opening), split, **how)
    if found is not None:
        say(f"the data were not found (--data-root PATH); these numbers were kept {_date(found)}", err=True)
    return found and found.record


def _date(measured: Measurement) -> str:
    return str(measured.circumstances.get("measured", ""))[:10]


def _show(run: Path, split: str, record: dict[str, Any], scored: dict[str, Any], as_json: bool) -> None:
    from kelbo.units import noun_of

    if as_json:
        say(json.dumps(record | ({"scores": scored} if scored else {}), indent=2, allow_nan=False))
    else:
        _print(run, split, record)
        show(scored, str(run), noun_of(record["settings"]["shape"]))


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
            which = f"was measured {_date(page)}" if page else "shows what the run has"
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


def _print(run: Path, split: str, record: dict[str, Any]) -> None:
    from rich.table import Table

    from kelbo.cli.console import Console
    from kelbo.runs.measurements import CLOSED
    from kelbo.units import noun_of

    table = Table("", "mean", "± standard error", "unit", title=f"{run}, {split} split")

    def add(name: str, value: Any) -> None:
        error = value["standard_error"]
        estimate = value.get("estimate", CLOSED)
        unit = value["unit"] + ("" if estimate == CLOSED else f"; {estimate}")
        table.add_row(name, f"{value['mean']:.3f}", "–" if error is None else f"{error:.3f}", unit)

    for name in ("elbo", "rate", "distortion", "importance_weighted", "marginal"):
        if value := record.get(name):
            add(name.replace("_", " "), value)
        for number, part in enumerate(record.get("rate_per_stage", []) if name == "rate" else [], 1):
            add(f"… of stage {number}", part)
    if record["bits_per_dim"] is not None:
        table.add_row("bits per dim", f"{record['bits_per_dim']:.4f}", "", "bits/dim")
    else:
        table.add_row("bits per dim", "none", "", record["bits_per_dim_reason"])
    for name in ("psnr", "ssim"):
        if value := record["reconstruction"][name]:
            add(name.upper(), value)
    if latents := record["latents"]:
        active = latents["active_units"]
        table.add_row("active units", "–" if active is None else str(active), "", f"of {latents['dims']} latents")
    decoder = record["decoder"]
    images = record["settings"].get("sigma_images")
    noun, size = noun_of(record["settings"]["shape"]), "intensity"
    if record["settings"]["levels"] is None:
        size = "standard deviations of the columns"
    source = f"; from {images:,} training {noun}s" if images else ""
    table.add_row("decoder's σ", f"{decoder['sigma']:.4f}", "", f"{size}; its error is {decoder['rmse']:.4f}{source}")
    if decoder["equivalent_beta"] is not None:
        beta = f"{decoder['equivalent_beta']:.3g}"
        table.add_row("equivalent β", beta, "", "weight of the rate beside ½ squared error")
    console = Console()
    console.print(table)
    if columns := record["reconstruction"].get("columns"):
        console.print(_columns(columns))


def _columns(columns: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table("column", "RMSE, its own unit", "variance explained", title="reconstructions of each column")
    for name, found in columns.items():
        explained = found["explained"]
        table.add_row(name, f"{found['rmse']:.4g}", "–" if explained is None else f"{100 * explained:.1f} %")
    return table
