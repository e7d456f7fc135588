"""Checks before a run is begun, resumed or opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kelbo.data.columns import Columns
from kelbo.data.conditions import Condition
from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import once
from kelbo.errors import Damaged, DataError, RecipeError, RunError
from kelbo.experiments.parts import Parts
from kelbo.recipes.build import Outline
from kelbo.recipes.files import continuing, differences, load
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run


def outline_of(run: Run) -> Outline | None:
    """The outline of the images that a run was trained on, by its provenance; None if that does not name them."""
    match run.provenance().get("data"):
        case {"name": str(name), "shape": [int(), *_] as shape, "levels": int() | None as levels, **rest}:
            given = {condition: tuple(its) for condition, its in rest.get("given", {}).items()}
            told, columns = rest.get("condition"), rest.get("columns")
            return Outline(
                name,
                tuple(shape),
                levels,
                given,
                Condition.from_json(told) if told else None,
                Columns.from_json(columns) if columns else None,
            )
        case _:
            return None


def require_same_recipe(recipe: Recipe, out: Path) -> Recipe:
    """The recipe with which the run in `out` continues. RunError with the differences if more than steps differs.

    Steps can be raised only if the learning rate does not depend on their number.
    """
    before = load(Run.open(out).recipe_path, kept=True)
    recipe = continuing(recipe, before)
    steps = recipe.training.steps
    same = before.model_copy(update={"training": before.training.model_copy(update={"steps": steps})})
    changed = differences(same, recipe)
    bent = steps != before.training.steps and recipe.schedule.kind != "constant"
    if steps < before.training.steps or bent:
        changed += differences(before, same)
    if changed:
        why = f" (its schedule, {recipe.schedule.kind}, is laid out over the steps)" if bent else ""
        raise RunError(
            f"The run in {out} has another recipe: {'; '.join(changed)}{why}. Resume it with its own (only training.steps "
            "may be raised, under a constant schedule), or train the new one in another folder."
        )
    return recipe


def require_own_parts(run: Run, parts: Parts) -> None:
    """RunError if the run was trained with parts of the user's and these are the recipe's: that would be another model."""
    if not parts.own and (model := run.own_model):
        raise RunError(
            f"{run.path} was trained with parts of your own (its model is a {model}), which its recipe does not describe. "
            "Open it from Python with these parts: open_run(path, parts=...), or Parts.companions of a run that uses it."
        )


def require_same_data(run: Run, data: ImageSet) -> None:
    """RunError if the images are not those that the run was trained on: test images could then have been trained on.

    Damaged if the run's provenance does not name them.
    """
    try:
        splits = run.provenance()["data"]["splits"].items()
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged(
            f"{run.path} has a provenance that does not name its images. Restore the file, or train a new run."
        ) from error
    for name, before in splits:
        images = data.splits.get(name)
        now = None if images is None else images.fingerprint()
        if images is None or now != before["fingerprint"]:
            found = "nothing" if images is None else f"{len(images):,} images with fingerprint {now}"
            raise RunError(
                f"The data of {run.path} have changed: its {name} split was {before['images']:,} images with fingerprint "
                f"{before['fingerprint']}; there is now {found}. {_remedy(run, data)}Name the old data "
                "(data.root), or train a new run.",
                remedy=("data_root",),
            )


@contextmanager
def held_by_first(run: Run, fabric: Fabric) -> Iterator[None]:
    """Inside the block no other training has the run, which the first of several processes holds for all: see `Run.held`."""
    with ExitStack() as held:
        once(fabric, lambda: held.enter_context(run.held()))
        yield


def require_splits(data: ImageSet) -> None:
    """DataError if the images lack a split that training needs; test images show its error."""
    if lacking := [split for split in ("train", "test") if split not in data.splits]:
        raise DataError(
            f"{data.name} has no split {' and no split '.join(lacking)}; it has {', '.join(data.splits) or 'none'}. Training "
            "needs both."
        )


def _remedy(run: Run, data: ImageSet) -> str:
    """How to get the old images of a run whose test images were drawn from all folders, although these are named as splits."""
    noted = str(run.provenance()["data"].get("note", ""))
    if "held out by seed" not in noted or "held out by seed" in data.note:
        return ""
    return (
        f'An earlier version drew test images from all of them; if their folders are the cause, write splits = "ignore" '
        f"below [data] in {run.recipe_path}. Otherwise: "
    )


def require_whole_shares(recipe: Recipe, processes: int) -> None:
    """RecipeError if a batch cannot be shared evenly by the processes, or a share not be divided into equal parts."""
    size, parts = recipe.training.batch_size, recipe.training.accumulate
    if size % processes:
        raise RecipeError(
            f"training.batch_size is {size}, which {processes} processes cannot share evenly. "
            f"Choose a multiple of {processes}."
        )
    if size // processes % parts:
        raise RecipeError(
            f"training.accumulate is {parts}, but the {size // processes} examples that a process has in a step do not make "
            f"{parts} equal parts. Choose a divisor of {size // processes}."
        )


def require_same_precision(recipe: Recipe, fabric: Fabric) -> None:
    """RecipeError if Fabric computes in another precision than the recipe, which the run's record would then misstate."""
    asked, given = recipe.training.precision, fabric.strategy.precision.precision
    if asked != given:
        raise RecipeError(
            f"training.precision is {asked!r}, but the given Fabric computes in {given!r}. Make it with "
            f"Fabric(precision={asked!r}), or change the recipe's training.precision."
        )
