"""`kelbo runs`: the trained runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kelbo.cli.options import Json, RunPath
from kelbo.cli.printing import say

if TYPE_CHECKING:
    from kelbo.runs import Run
    from kelbo.runs.index import RunSummary

app = typer.Typer(help="List the runs below a folder, or show one.", no_args_is_help=True)


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="Folder to search.")] = Path("runs"), as_json: Json = False
) -> None:
    """List the runs below a folder with their last numbers (means over training batches)."""
    import json

    from rich.table import Column, Table

    from kelbo.cli.console import Console
    from kelbo.runs.index import index

    found = [_entry(entry) for entry in index(folder)]
    if as_json:
        say(json.dumps({"folder": str(folder), "runs": found}, indent=2, allow_nan=False))
        return
    whole = (Column(name, overflow="fold") for name in ("run", "recipe"))
    table = Table(*whole, "step", "of", "elbo", "rate", "distortion", "σ", box=None)
    for entry in found:
        last = entry["last"] or {}
        numbers = [_short(last.get(name)) for name in ("elbo", "rate", "distortion", "sigma")]
        table.add_row(
            entry["path"], entry["recipe"] or "?", str(last.get("step", 0)), str(entry["steps"] or "?"), *numbers
        )
    if found:
        Console().print(table)
    else:
        say(f"no runs below {folder}")
    for entry in found:
        if entry["error"]:
            say(f"{entry['path']}: {entry['error']}", err=True)


def _entry(entry: RunSummary) -> dict[str, Any]:
    """A run as JSON. If its recipe cannot be read, `error` says why, and the recipe's values are null."""
    from kelbo.errors import RecipeError
    from kelbo.recipes import load

    recipe, error = None, None
    try:
        recipe = load(entry.run.recipe_path, kept=True)
    except RecipeError as reason:
        error = str(reason)
    return {
        "path": str(entry.run.path),
        "recipe": recipe.name if recipe else None,
        "fingerprint": recipe.fingerprint if recipe else None,
        "seed": recipe.seed if recipe else None,
        "steps": recipe.training.steps if recipe else None,
        "checkpoint": entry.checkpoint,
        "best": _best(entry.run),
        "last": entry.last or None,
        "error": error,
    }


@app.command()
def show(run: RunPath, as_json: Json = False) -> None:
    """Show one run: recipe, provenance, last row, checkpoints, evaluations."""
    import json

    from kelbo.runs import Run
    from kelbo.runs.measurements import records

    opened = Run.open(run)
    answer = {
        "path": str(run),
        "checkpoints": opened.checkpoint_steps(),
        "best": _best(opened),
        "last": opened.journal.last() or None,
        "warnings": opened.warnings(),
        "evaluations": records(opened.measurements.newest("evaluation")),
        "provenance": opened.provenance(),
    }
    if as_json:
        say(json.dumps(answer, indent=2))
        return
    say(opened.recipe_path.read_text(encoding="utf-8"))
    for name, value in answer.items():
        say(f"{name}: {json.dumps(value, indent=2) if isinstance(value, dict) else value}")


def _best(run: Run) -> dict[str, Any] | None:
    """The best checkpoint on validation images, as JSON; None if there is none, or the newest one cannot be read."""
    from kelbo.errors import RunError
    from kelbo.runs.checkpoints import best

    try:
        found = best(run)
    except RunError:
        return None
    return found._asdict() if found else None


def _short(value: float | int | None) -> str:
    return "–" if value is None else f"{value:.4g}"
