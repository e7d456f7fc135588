"""The data of lanes: their seeds may draw other test images, but the pixels are the same."""

from __future__ import annotations

from dataclasses import replace

import torch

from kelbo.data.batches import DEVICE_BUDGET
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Images, QuantizedImages, SubsetImages
from kelbo.distributed.fabric import Fabric
from kelbo.experiments.running import examples_of
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.training.rows import Followed


class Pool:
    """Data sets by the seed that draws their test images. Equal pixels are held once, on the device if they fit there."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.sets: dict[int, ImageSet] = {}
        self.pixels: dict[tuple[type[Images], str], Images] = {}
        self.examples: dict[int, Followed] = {}

    def of(self, recipe: Recipe) -> ImageSet:
        """The recipe's images: the same for all recipes except for the draw. Raises DataError as `build.data` does."""
        if recipe.split_seed not in self.sets:
            data = build.data(recipe)
            splits = {name: self._held(images) for name, images in data.splits.items()}
            self.sets[recipe.split_seed] = replace(data, splits=splits, whole=None)
        return self.sets[recipe.split_seed]

    def followed(self, recipe: Recipe, fabric: Fabric) -> Followed:
        """The examples that its run is followed by: one copy for all recipes with the same draw."""
        if recipe.split_seed not in self.examples:
            self.examples[recipe.split_seed] = examples_of(self.of(recipe), fabric)
        return self.examples[recipe.split_seed]

    def _held(self, images: Images) -> Images:
        if isinstance(images, SubsetImages):
            parent = self._held(images.parent)
            return SubsetImages(parent, images.index.to(parent.device))
        if isinstance(images, QuantizedImages):
            return QuantizedImages(self._held(images.parent), images.bits)
        key = type(images), images.fingerprint()
        if key not in self.pixels:
            self.pixels[key] = images.to(self.device) if images.nbytes <= DEVICE_BUDGET else images
        return self.pixels[key]
