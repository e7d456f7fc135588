"""Who makes a recipe's parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch.optim import Optimizer

from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.frozen import Frozen
from kelbo.protocols import Model, Objective
from kelbo.recipes import build
from kelbo.recipes.build import Outline
from kelbo.recipes.schema import Recipe
from kelbo.training import Update


@dataclass(frozen=True)
class Parts:
    """Makes the parts of a recipe. To train a model of your own, give the functions that make what is yours.

    data        the recipe's images
    model       an untrained model of these images, with the models of the runs that the recipe names
    optimizers  by the name of what each moves
    update      one step of training
    objective   what weighs the rate; gives None if the update has no such thing
    version     of what is yours: part of every measurement's key, so change it when the same weights come to mean another model
    """

    data: Callable[[Recipe], ImageSet] = build.data
    model: Callable[[Recipe, ImageSet | Outline, Mapping[str, Frozen]], Model] = build.model
    optimizers: Callable[[Recipe, Model], dict[str, Optimizer]] = build.optimizers
    update: Callable[[Recipe, Fabric], Update] = build.update
    objective: Callable[[Recipe], Objective | None] = build.objective
    version: str = ""

    @property
    def own(self) -> bool:
        """Whether something here is the user's, of which the recipe does not tell."""
        return self != BUILD


BUILD = Parts()
"""what recipes say"""
