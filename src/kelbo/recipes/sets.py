"""The data sets by name, for looking at them outside of a recipe."""

from __future__ import annotations

from pathlib import Path

from kelbo.data.image_set import ImageSet
from kelbo.data.images import Images
from kelbo.errors import RecipeError
from kelbo.recipes.files import change, parse, setting_of
from kelbo.recipes.known_sets import SETS
from kelbo.recipes.readers import data


def read(name: str, root: Path | None = None, settings: list[str] | None = None) -> ImageSet:
    """Read one set. settings are "size=32" and the like, as below `data` in a recipe.

    Raises RecipeError for an unknown name or setting, DataError for missing or broken files.
    """
    if name not in SETS:
        raise RecipeError(f"There is no data set {name!r}. Choose one of {', '.join(SETS)}.")
    if name in ("array", "folder", "table") and root is None:
        raise RecipeError(f"The set {name!r} needs its path: data.root.", remedy=("data_root",))
    place = [setting_of("root", root)] if root else []
    # from the set with the fewest settings, so that no setting of another set stays
    recipe = parse({"name": name, "data": {"kind": "shapes2d"}, "training": {"steps": 1}})
    return data(change(recipe, [f"data.{setting}" for setting in [f"kind={name}", *place, *(settings or [])]]))


def split_of(image_set: ImageSet, split: str) -> Images:
    """One split. RecipeError lists those that exist."""
    if split not in image_set.splits:
        raise RecipeError(f"{image_set.name} has no split {split!r}; it has {', '.join(image_set.splits)}.")
    return image_set.splits[split]
