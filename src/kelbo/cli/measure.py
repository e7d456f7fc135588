"""`kelbo evaluate`: the numbers of a run, or of a sweep's lanes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from kelbo.cli.launching import Accelerator, Devices, Nodes, launch_where_asked
from kelbo.cli.options import Checkpoint, DataRoot, Device, FittedPriorName, Json, Seed
from kelbo.cli.printing import command, say
from kelbo.cli.scores import ClassifierName, Features, Metrics, Pairs, show, wished

if TYPE_CHECKING:
    from rich.table import Table

    from kelbo.distributed.fabric import Fabric
    from kelbo.runs import Measurement

Clouds = Annotated[int, typer.Option(min=8, help="Images on each side of an image distance.")]
Codes = Annotated[int | None, typer.Option(min=100, help="Images of a set with factors to encode. By default all.")]


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run's folder, or a sweep's.", metavar="RUN")],
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
    """Measure a run on a whole split, or each finished lane of a sweep. Numbers are kept in its folder, and read from there
    the next time.
    """
    from kelbo.runs import Sweep

    asked = Asked(
        split,
        {"samples": samples, "dequantized": dequantize, "batch_size": batch_size, "seed": seed},
        {"checkpoint": checkpoint, "data_root": data_root, "prior": prior},
        wished(metrics, features, pairs, classifier),
        {"images": images, "codes": codes},
        features,
        again,
        as_json,
        device,
    )
    fabric = launch_where_asked(device, accelerator, devices, num_nodes)
    if not Sweep(run).definition_path.is_file():
        if (found := _evaluate(run, asked, fabric)) is not None:
            _show(run, split, *found, as_json)
        return
    records = {}
    for lane, path in finished_lanes(run, quiet=as_json).items():
        if (found := _evaluate(path, asked, fabric)) is None:  # a process that is not the first
            continue
        records[lane] = _as_json(*found)
        if not as_json:
            _show(path, split, *found, as_json)
    if records and as_json:
        say(json.dumps({"sweep": str(run), "lanes": records}, indent=2, allow_nan=False))
    elif records:
        say(f"next: {command('sweep', 'table', run)}   {command('report', run)}")


class Asked(NamedTuple):
    """What `evaluate` was asked for.

    how: as of `evaluate_run`; opening: as of `open_run`; wish: the scores; chosen: further arguments of `score_run`.
    """

    split: str
    how: dict[str, Any]
    opening: dict[str, Any]
    wish: dict[str, Any]
    chosen: dict[str, Any]
    features: str | None
    again: bool
    as_json: bool
    device: str | None


def finished_lanes(folder: Path, *, quiet: bool = False) -> dict[str, Path]:
    """The folders of a sweep's finished lanes by name; says which lanes are left out. RunError if none is finished."""
    from kelbo.errors import RunError
    from kelbo.runs import Sweep
    from kelbo.sweeps.frame import state_of

    sweep = Sweep.open(folder)
    states = {lane: state_of(sweep, lane) for lane in sweep.lanes}
    done = {lane: sweep.run(lane).path for lane, state in states.items() if state == "done"}
    others = [f"{lane} ({state})" for lane, state in states.items() if lane not in done]
    if not done:
        raise RunError(f"No lane of {folder} is finished: {', '.join(others)}. Resume the sweep.", remedy=("resume",))
    if others and not quiet:
        say(f"left out: {', '.join(others)}", err=True)
    return done


def _evaluate(run: Path, asked: Asked, fabric: Fabric | None) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The record of a run and its scores; None in all processes but the first."""
    from kelbo.cli.bars import counting
    from kelbo.data.batches import share
    from kelbo.distributed.processes import failing_together, place
    from kelbo.errors import DataMissing
    from kelbo.experiments import evaluate_run, open_run
    from kelbo.experiments.feature_networks import open_for
    from kelbo.experiments.scoring import require_scores, score_run
    from kelbo.recipes.sets import split_of

    wish, split, how, again = asked.wish, asked.split, asked.how, asked.again
    rank, world = place(fabric)
    device = str(fabric.device) if fabric else asked.device
    with failing_together(fabric):
        try:
            experiment = open_run(run, device=device, fabric=fabric, **asked.opening)
        except DataMissing:
            kept = None if fabric or wish["names"] or again else _kept(run, split, asked.opening, how)
            if kept is None:
                raise
            return kept, {}
        features = asked.features if "images" in wish["names"] and rank == 0 else None
        network = open_for(experiment, features, asked.opening["data_root"]) if features else None
        require_scores(experiment, wish["names"], network=asked.features is not None, lenient=wish["lenient"])
        own = share(len(split_of(experiment.data, split)), how["batch_size"], rank, world)
        with counting("evaluating", len(own), quiet=asked.as_json or rank > 0) as advance:
            record = evaluate_run(experiment, split, **how, again=again, fabric=fabric, advance=advance)
    if rank > 0:
        return None
    if not wish["names"]:
        return record, {}
    chosen = {**asked.chosen, "split": split, "network": network, "seed": how["seed"], "again": again}
    with counting("encoding", None, quiet=asked.as_json) as progress:
        return record, score_run(experiment, **wish, **chosen, advance=progress)


def _kept(run: Path, split: str, opening: dict[str, Any], how: dict[str, Any]) -> dict[str, Any] | None:
    """The record that a run keeps of such an evaluation of these weights, which is said; None if there is none."""
    from kelbo.experiments import open_run
    from kelbo.experiments.measure import kept_evaluation

    found = kept_evaluation(open_run(run, read_data=False, device="cpu", **opening), split, **how)
    if found is not None:
        say(f"the data were not found (--data-root PATH); these numbers were kept {measured_on(found)}", err=True)
    return found and found.record


def measured_on(measured: Measurement) -> str:
    return str(measured.circumstances.get("measured", ""))[:10]


def _show(run: Path, split: str, record: dict[str, Any], scored: dict[str, Any], as_json: bool) -> None:
    from kelbo.units import noun_of

    if as_json:
        say(json.dumps(_as_json(record, scored), indent=2, allow_nan=False))
    else:
        _print(run, split, record)
        show(scored, str(run), noun_of(record["settings"]["shape"]))


def _as_json(record: dict[str, Any], scored: dict[str, Any]) -> dict[str, Any]:
    return record | ({"scores": scored} if scored else {})


def _print(run: Path, split: str, record: dict[str, Any]) -> None:
    from rich.table import Table

    from kelbo.cli.console import Console
    from kelbo.experiments.target_texts import standing_text
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
    if target := record.get("target"):
        error = target["standard_error"]
        name, value = f"held: {target['held'].replace('_', ' ')}", f"{target['value']:.3f}"
        table.add_row(name, value, "–" if error is None else f"{error:.3f}", standing_text(target))
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
