"""What a sweep's lanes need, checked before its folder is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kelbo.experiments.guards import require_splits
from kelbo.experiments.starting import read_start
from kelbo.experiments.training_run import Inspect
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.runs import Sweep
from kelbo.seeds import seeded
from kelbo.sweeps.engines import LaneOptions
from kelbo.sweeps.stackable import stackable


def require_inputs(
    recipes: Sequence[Recipe], out: Path, options: LaneOptions, *, inspect: Inspect = lambda _: None
) -> None:
    """Raise what would stop a new sweep of these recipes in the folder `out`. Nothing is written.

    Each data set is read and given to `inspect`, and each model that lanes train on it is built once. Data on another cluster
    are not read here. RunError if `out` is not empty or cannot be made, or nothing fits of a run that lanes begin from.
    RecipeError if lanes that should be stacked differ too much, or a model does not fit the images. DataError if images are
    missing or broken.
    """
    Sweep.require_free(out)
    options.require_sound()
    if options.how == "stack":
        stackable(recipes)
    if options.on is not None:
        from kelbo.sweeps.joining import require_open

        require_open(options.address)
        if options.address:
            return
    for of_set in _parted(recipes, {"data"}):
        data = build.data(of_set[0])
        require_splits(data)
        inspect(data)
        with seeded(0, "init"):
            for same in _parted(of_set, {"model", "likelihood", "start"}):
                model, start = build.model(same[0], data), read_start(same[0], out)
                if start is not None:
                    start.require_meaning(data)
                    start.compared(model)


def _parted(recipes: Sequence[Recipe], settings: set[str]) -> list[list[Recipe]]:
    """The recipes in groups that share these settings."""
    groups: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        groups.setdefault(recipe.model_dump_json(include=settings), []).append(recipe)
    return list(groups.values())
