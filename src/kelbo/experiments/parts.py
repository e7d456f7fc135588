"""Who makes a recipe's parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from torch.optim import Optimizer

from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.frozen import Frozen
from kelbo.protocols import Model, Objective
from kelbo.recipes import build
from kelbo.recipes.build import Outline
from kelbo.recipes.schema import Recipe
from kelbo.training import Update


class Parts(Protocol):
    """Makes the parts of a recipe; the module `kelbo.recipes.build` does. Give another one to train a model of your own."""

    def data(self, recipe: Recipe) -> ImageSet:
        """The recipe's images."""
        ...

    def model(self, recipe: Recipe, images: ImageSet | Outline, runs: Mapping[str, Frozen]) -> Model:
        """An untrained model. runs: the models of the runs that the recipe names."""
        ...

    def optimizers(self, recipe: Recipe, model: Model) -> dict[str, Optimizer]:
        """By the name of what each moves."""
        ...

    def update(self, recipe: Recipe, fabric: Fabric) -> Update:
        """One step of training."""
        ...

    def objective(self, recipe: Recipe) -> Objective | None:
        """What weighs the rate; None if the update has no such thing."""
        ...


BUILD = cast(Parts, build)
