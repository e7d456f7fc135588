"""What the toys share: a small recipe, and seeded blobs to train on."""

import numpy as np

from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.recipes import change, find
from kelbo.recipes.schema import Recipe

TRAINED, TESTED = 40, 24


def recipe(name: str, *settings: str) -> Recipe:
    """Six steps, with a row and a checkpoint each three. Its data and networks are the toy's own, whatever it says of them."""
    plan = [f"training.{line}" for line in ("steps=6", "batch_size=8", "log_every=3", "checkpoint_every=3")]
    small = ["optimizer.kind=adam", "optimizer.weight_decay=0", "objective.warmup=0", "training.pictures_every=6"]
    return change(find("digits"), [f"name={name}", *plan, *small, *settings])


def blobs(count: int, frames: int = 1, seed: int = 0) -> np.ndarray:
    """A bright spot that wanders over a dark 8×8 ground, uint8 levels (count, frames, 1, 8, 8)."""
    draw = np.random.default_rng(seed)
    centre = draw.uniform(1, 6, (count, 1, 2)) + np.cumsum(draw.normal(0, 0.7, (count, frames, 2)), 1)
    row, column = np.mgrid[:8, :8]
    distance = (row - centre[..., :1, None]) ** 2 + (column - centre[..., 1:, None]) ** 2
    return np.round(255 * np.exp(-distance / 4)).astype(np.uint8)[:, :, None]


def pictures(recipe: Recipe) -> ImageSet:
    """Single blobs, (1, 8, 8)."""
    splits = {"train": blobs(TRAINED)[:, 0], "test": blobs(TESTED, seed=1)[:, 0]}
    return ImageSet("blobs", {name: ArrayImages(array) for name, array in splits.items()}, note="bright spots")
