"""`kelbo score`, `kelbo doctor`, `kelbo features train`, and scores as tables for a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, Json, RunPath, Seed, SetSettings
from kelbo.cli.printing import quoted, say

if TYPE_CHECKING:
    from rich.table import Table

features = typer.Typer(help="Networks whose features are used to compare images.", no_args_is_help=True)

Metrics = Annotated[
    str | None,
    typer.Option("--metrics", help="Scores besides the bound: all, or a list (mig,dci,latents,images,calibration …)."),
]
Features = Annotated[
    str | None,
    typer.Option(help="Feature network of image distances: inception-2015, a data set's name, random-0, or a file."),
]
Pairs = Annotated[int, typer.Option(min=1, help="Pairs per point of the β-VAE score, its L.")]
ClassifierName = Annotated[
    str, typer.Option("--classifier", help="Classifier of the β-VAE score: logistic, linear, mlp or forest.")
]


def score(
    table: Annotated[Path, typer.Argument(help="An .npz with `codes` (N, K) and `factors` (N, F).", metavar="CODES")],
    metrics: Annotated[str, typer.Option(help="all, or a list: mig,dci,beta_vae …")] = "all",
    pairs: Pairs = 64,
    classifier: ClassifierName = "logistic",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Disentanglement scores of any codes."""
    from kelbo.cli.code_files import read_arrays
    from kelbo.errors import ScoreError
    from kelbo.evaluation.disentanglement import SCORES, Options, scores_of_codes
    from kelbo.experiments.scoring import asked_for, codes_of_arrays, wants_all

    codes = codes_of_arrays(read_arrays(table), str(table))
    names = tuple(name for name in asked_for(metrics) if name in SCORES)
    if not names:
        raise ScoreError(f"Codes alone allow {', '.join(SCORES)}; got --metrics {metrics}.")
    missing: dict[str, str] | None = {} if wants_all(metrics) else None
    found = scores_of_codes(codes, names, Options(pairs, checked(classifier)), seed, missing)
    if missing and not found:
        raise ScoreError(next(iter(missing.values())))
    if as_json:
        say(json.dumps(found | ({"missing": missing} if missing else {}), indent=2, allow_nan=False))
    else:
        show({"disentanglement": {"scores": found, "missing": missing or {}}}, str(table))


def doctor(
    run: RunPath,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Look for common problems: unused latents, σ unequal to the error, units, prior gap, overfitting, a missed target."""
    from rich.markup import escape

    from kelbo.cli.console import Console
    from kelbo.experiments import open_run
    from kelbo.experiments.doctor import examine_run

    found = examine_run(open_run(run, checkpoint=checkpoint, device=device, data_root=data_root))
    if as_json:
        say(json.dumps([finding._asdict() for finding in found], indent=2, allow_nan=False))
        return
    console = Console()
    marks = {"problem": "[bold red]problem[/]", "warning": "[yellow]warning[/]", "fine": "[green]fine[/]"}
    marks["not judged"] = "[dim]not judged[/]"
    for finding in found:
        console.print(f"{marks[finding.severity]}  [bold]{finding.code}[/]: {escape(finding.text)}", markup=True)


@features.command("train")
def train_features(
    name: Annotated[str, typer.Argument(help="A data set with labels: mnist, cifar10, svhn …", metavar="SET")],
    settings: SetSettings = None,
    called: Annotated[
        str | None, typer.Option("--name", help="Its name for --features. By default the set's name.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training split.")] = 3,
    seed: Seed = 0,
    device: Device = None,
    data_root: DataRoot = None,
) -> None:
    """Train a small classifier on a set's own labels, to compare images by its features if FID's network does not fit."""
    from kelbo.experiments.feature_networks import train_on

    path, accuracy = train_on(name, data_root, settings, called, seed=seed, epochs=epochs, device=device)
    say(f"{path}: {100 * accuracy:.2f} % of the test split right. Use it with --features {quoted(path.stem)}")


@features.command("fetch")
def fetch_features(data_root: DataRoot = None) -> None:
    """Download and verify the 2015 Inception network, whose features define FID."""
    from kelbo.cli.bars import Downloads
    from kelbo.data.download import fetch
    from kelbo.data.roots import data_root as root_of
    from kelbo.evaluation.inception import INCEPTION

    with Downloads() as downloads:
        paths = fetch(INCEPTION, root_of(data_root), watch=downloads)
    say(f"{paths[0]}: verified. {INCEPTION.licence}. Use it with --features {INCEPTION.name}")


def wished(metrics: str | None, features: str | None, pairs: int, classifier: str) -> dict[str, Any]:
    """The arguments of `score_run`. ScoreError for scores that do not exist, before minutes of work."""
    from kelbo.errors import ScoreError
    from kelbo.evaluation.disentanglement import Options
    from kelbo.experiments.scoring import NO_FEATURES, asked_for, wants_all

    names, lenient = () if metrics is None else asked_for(metrics), wants_all(metrics)
    if "images" in names and features is None and not lenient:
        raise ScoreError(NO_FEATURES, remedy=("features",))
    return {"names": names, "options": Options(pairs, checked(classifier)), "lenient": lenient}


def checked(classifier: str) -> Any:
    """The classifier's name. ScoreError if there is none of that name."""
    from typing import get_args

    from kelbo.errors import ScoreError
    from kelbo.metrics.classifiers import Classifier

    if classifier not in get_args(Classifier):
        raise ScoreError(f"--classifier must be one of {', '.join(get_args(Classifier))}; got {classifier!r}.")
    return classifier


def show(found: dict[str, Any], title: str, noun: str = "image") -> None:
    """Print every group's scores as tables with their intervals. noun: what an example is called."""
    from kelbo.cli.console import Console
    from kelbo.units import counted

    console = Console()
    for group, record in found.items():
        if "none" in record:
            console.print(f"{group}: none. {record['none']}", soft_wrap=True)
        elif group == "images":
            for cloud, scores in record["scores"].items():
                console.print(
                    _table(scores, f"{cloud}s, {counted(scores['features']['images'], 'image')} each, {title}")
                )
        elif group == "calibration":
            console.print(_calibration(record["scores"], title, noun))
        else:
            console.print(_table(record["scores"], f"{group}, {title}"))
        for name, reason in record.get("missing", {}).items():
            console.print(f"{name}: none. {reason}", soft_wrap=True)


def _table(scores: dict[str, Any], title: str) -> Table:
    from rich.table import Table

    table = Table("", "value", "95 % interval", "of", title=title)
    for name, entry in scores.items():
        if "value" in entry:
            low, high = entry.get("low"), entry.get("high")
            interval = f"{low:.4g} … {high:.4g}" if low is not None and high is not None else "–" * ("low" in entry)
            note = f"{entry['replicates']} × {entry['settings']['replicates']}" if "settings" in entry else ""
            note = f"at most {entry['cap']:.2f}, log N" if "cap" in entry else note
            note = "a covariance is singular: compare at this N only" if entry.get("rank_deficient") else note
            table.add_row(entry.get("called", name.replace("_", " ")), f"{entry['value']:.4g}", interval, note)
    return table


def _calibration(scores: dict[str, Any], title: str, noun: str) -> Table:
    from rich.table import Table

    from kelbo.units import counted

    table = Table(
        "calibration", "should be", "is", "± standard error", title=f"{counted(scores['images'], noun)}, {title}"
    )
    for level, entry in scores["coverage"].items():
        error = "–" if entry["standard_error"] is None else f"{100 * entry['standard_error']:.1f}"
        shares = f"{100 * float(level):g} %", f"{100 * entry['share']:.1f} %"
        table.add_row(f"{'numbers' if noun == 'row' else 'pixels'} in the central interval", *shares, error)
    table.add_row("mass in the wrong bins of the PIT", "0 %", f"{100 * scores['total_variation']:.1f} %", "")
    table.add_row("miscalibration area", "0", f"{scores['miscalibration_area']:.4f}", "")
    return table
