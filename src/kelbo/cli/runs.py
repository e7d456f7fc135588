"""`kelbo runs`: what has been trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kelbo.cli.options import Json, RunPath

app = typer.Typer(help="List the runs below a folder, or show one.", no_args_is_help=True)


@app.command("list")
def list_runs(folder: Annotated[Path, typer.Argument(help="Searched through.")] = Path("runs")) -> None:
    """List the runs below a folder with their last numbers (means over training batches)."""
    from rich.console import Console
    from rich.table import Table

    from kelbo.recipes import load
    from kelbo.runs.index import index

    table = Table("run", "recipe", "step", "of", "elbo", "rate", "distortion", "σ", box=None)
    for entry in index(folder):
        recipe, last = load(entry.run.recipe_path, kept=True), entry.last
        numbers = [_short(last.get(name)) for name in ("elbo", "rate", "distortion", "sigma")]
        table.add_row(str(entry.run.path), recipe.name, str(last.get("step", 0)), str(recipe.training.steps), *numbers)
    Console().print(table if table.row_count else f"no runs below {folder}")


@app.command()
def show(run: RunPath, as_json: Json = False) -> None:
    """Show one run: recipe, provenance, last row, checkpoints, evaluations."""
    import json

    from kelbo.runs import Run

    opened = Run.open(run)
    rows = opened.journal.rows()
    answer = {
        "path": str(run),
        "checkpoints": opened.checkpoint_steps(),
        "last": rows[-1] if rows else None,
        "warnings": opened.warnings(),
        "evaluations": opened.evaluations(),
        "provenance": opened.provenance(),
    }
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    typer.echo(opened.recipe_path.read_text())
    for name, value in answer.items():
        typer.echo(f"{name}: {json.dumps(value, indent=2) if isinstance(value, dict) else value}")


def _short(value: float | int | None) -> str:
    return "–" if value is None else f"{value:.4g}"
