"""`kelbo train`: train a recipe into a run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kelbo.cli.launching import Accelerator, Devices, Nodes, launch
from kelbo.cli.options import Begin, BeginAt, DataRoot, RecipeSettings
from kelbo.cli.printing import say
from kelbo.names import as_native

if TYPE_CHECKING:
    from kelbo.recipes.schema import Recipe


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(help="A named recipe or a .toml file; the run's own with --resume, or with --from alone."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder. By default runs/RECIPE.")] = None,
    settings: RecipeSettings = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the run: training.steps.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The recipe's seed.")] = None,
    data_root: DataRoot = None,
    begin: Begin = None,
    begin_at: BeginAt = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the newest checkpoint in --out, or begin.")
    ] = False,
    accelerator: Accelerator = None,
    devices: Devices = None,
    num_nodes: Nodes = None,
) -> None:
    """Train a model and keep everything about it in a folder."""
    settings = [*starts(begin, begin_at), *(settings or [])]
    chosen = changed(_recipe(recipe, out, begin, resume), settings, steps, seed, data_root)
    from kelbo.cli.progress import Progress
    from kelbo.experiments import train as run_training
    from kelbo.runs import Run

    fabric = launch(accelerator, devices, num_nodes, chosen.training.precision)
    folder = out or Path("runs") / as_native(chosen.name)
    if resume and not Run(folder).recipe_path.exists():
        resume = False
        if fabric.is_global_zero:
            say(f"nothing to resume: {folder} does not exist yet, so the run begins")
    with Progress(chosen.name, chosen.training.steps, quiet=not fabric.is_global_zero) as progress:
        run = run_training(
            chosen,
            folder,
            resume=resume,
            fabric=fabric,
            sinks=[progress.show],
            hooks=[progress.advance],
            warn=progress.warn,
            inspect=progress.see,
            begun=progress.took,
        )
    if fabric.is_global_zero:
        progress.summary(run)


def _recipe(name: str | None, out: Path | None, begin: Path | None, resume: bool) -> Recipe:
    """The recipe before any change: a named one, or that of the run to resume or to begin from."""
    from kelbo.errors import RecipeError
    from kelbo.experiments.guards import require_own_parts
    from kelbo.experiments.parts import BUILD
    from kelbo.recipes.files import load
    from kelbo.recipes.named import find
    from kelbo.runs import Run

    if name:
        return find(name)
    if resume and out and (begin is None or Run(out).recipe_path.exists()):
        return load(Run.open(out).recipe_path, kept=True)
    if begin and out:
        source = Run.open(begin)
        require_own_parts(source, BUILD)
        return load(source.recipe_path, kept=True)
    if begin:
        raise RecipeError("Say where the new run is kept: `kelbo train --from RUN --out NEW`.")
    raise RecipeError(
        "Say what to train: `kelbo train RECIPE`, `kelbo train --from RUN --out NEW`, or `kelbo train --resume --out RUN`."
    )


def starts(begin: Path | None, begin_at: str | None) -> list[str]:
    """What --from and --from-checkpoint set in a recipe. RecipeError for the second without the first."""
    from kelbo.errors import RecipeError
    from kelbo.recipes.files import setting_of

    if begin is None:
        if begin_at is not None:
            raise RecipeError("--from-checkpoint says which checkpoint of --from RUN to begin from. Name that run.")
        return []
    # absolute, as data.root; another start in the recipe is replaced
    place = setting_of("start.path", begin.resolve())
    return ["start=none", place, *([f"start.checkpoint={begin_at}"] if begin_at else [])]


def changed(recipe: Recipe, settings: list[str], steps: int | None, seed: int | None, data_root: Path | None) -> Recipe:
    """The recipe, changed by the options of a command. RecipeError if it has no such setting."""
    from kelbo.recipes.files import change, setting_of

    if steps:
        settings = [*settings, f"training.steps={steps}"]
    if seed is not None:
        settings = [*settings, f"seed={seed}"]
    if data_root:
        # absolute, so that the run finds its data from any folder
        settings = [*settings, setting_of("data.root", data_root.resolve())]
    return change(recipe, settings)
