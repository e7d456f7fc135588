"""`kelbo runs`: the trained runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kelbo.cli.options import Json, RunPath
from kelbo.cli.printing import aligned, say

if TYPE_CHECKING:
    from kelbo.recipes import Recipe
    from kelbo.runs import Run
    from kelbo.runs.index import RunSummary

app = typer.Typer(help="List the runs below a folder, or show one.", no_args_is_help=True)


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="Folder to search.")] = Path("runs"), as_json: Json = False
) -> None:
    """List the runs below a folder with their last numbers (means over training batches)."""
    import json

    from kelbo.runs.index import index

    found = [(entry, *_recipe(entry)) for entry in index(folder)]
    if as_json:
        entries = [_entry(*one) for one in found]
        say(json.dumps({"folder": str(folder), "runs": entries}, indent=2, allow_nan=False))
        return
    rows: list[Sequence[str]] = [("run", "recipe", "step", "of", "elbo", "rate", "distortion", "σ")] if found else []
    for entry, recipe, _ in found:
        name, steps = (recipe.name, str(recipe.training.steps)) if recipe else ("?", "?")
        numbers = [_short(entry.last.get(name)) for name in ("elbo", "rate", "distortion", "sigma")]
        rows.append((str(entry.run.path), name, str(entry.last.get("step", 0)), steps, *numbers))
    say(aligned(rows) if found else f"no runs below {folder}")
    for entry, _, error in found:
        if error:
            say(f"{entry.run.path}: {error}", err=True)


def _recipe(entry: RunSummary) -> tuple[Recipe | None, str | None]:
    """A run's recipe; None if it cannot be read, and why."""
    from kelbo.errors import RecipeError
    from kelbo.recipes import load

    if entry.error:
        return None, entry.error
    try:
        return load(entry.run.recipe_path, kept=True), None
    except RecipeError as reason:
        return None, str(reason)


def _entry(entry: RunSummary, recipe: Recipe | None, error: str | None) -> dict[str, Any]:
    """A run as JSON. If its recipe cannot be read, `error` says why, and the recipe's values are null."""
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
