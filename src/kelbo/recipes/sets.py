"""The data sets by name, for looking at them outside of a recipe."""

from __future__ import annotations

from pathlib import Path

from kelbo.data.images import Images, ImageSet
from kelbo.errors import DataMissing, RecipeError
from kelbo.recipes import build
from kelbo.recipes.files import change, parse

SETS: dict[str, tuple[str, str]] = {
    "digits": ("1,797 of 8×8, grey, 17 levels", "scikit-learn's handwritten digits, installed with kelbo"),
    "mnist": ("70,000 of 28×28, grey", "the official IDX files, gzipped or not"),
    "fashion-mnist": ("70,000 of 28×28, grey", "the official IDX files, gzipped or not"),
    "cifar10": ("60,000 of 32×32, colour", "the official python archive, .tar.gz or unpacked"),
    "cifar100": ("60,000 of 32×32, colour", "the official python archive, .tar.gz or unpacked"),
    "shapes2d": ("737,280 of 64×64, binary", "rendered here: dSprites' five factors"),
    "array": ("yours", "a .npy (memory-mapped) or .npz file: --data-root FILE"),
    "folder": ("yours", "PNG, JPEG, WebP or BMP files in a folder: --data-root FOLDER"),
}


def read(name: str, root: Path | None = None, settings: list[str] | None = None) -> ImageSet:
    """Read one set. settings are "size=32" and the like, as below `data` in a recipe.

    Raises RecipeError for an unknown name or setting, DataError for missing or broken files.
    """
    if name not in SETS:
        raise RecipeError(f"There is no data set {name!r}; there is {', '.join(SETS)}.")
    if name in ("array", "folder") and root is None:
        raise RecipeError(f"Say where it lies: `kelbo data … {name} --data-root PATH`.")
    spec = {"kind": name} | ({"root": str(root)} if root else {})
    recipe = parse({"name": name, "data": spec, "training": {"steps": 1}})
    return build.data(change(recipe, [f"data.{setting}" for setting in settings or []]))


def split_of(image_set: ImageSet, split: str) -> Images:
    """One split. DataMissing lists those there are."""
    if split not in image_set.splits:
        raise DataMissing(f"{image_set.name} has no split {split!r}; it has {', '.join(image_set.splits)}.")
    return image_set.splits[split]
