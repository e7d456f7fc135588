"""Who makes a recipe's parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor
from torch.optim import Optimizer

from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError
from kelbo.frozen import Frozen
from kelbo.protocols import Generator, Likelihood, Model
from kelbo.recipes import build
from kelbo.recipes.build import Outline
from kelbo.recipes.schema import Recipe
from kelbo.training import LossUpdate, Update


@dataclass(frozen=True)
class Parts:
    """Makes the parts of a recipe. To train a model of your own, give the functions that make what is yours.

    data        the recipe's images
    model       an untrained model of these images, with the models of the runs that the recipe names
    optimizers  by the name of what each moves
    update      one step of training
    companions  parts of the runs that the recipe names, by their names there; of each that is not here, the recipe's
    version     of what is yours: part of every measurement's key, so change it when the same weights come to mean another model
    """

    data: Callable[[Recipe], ImageSet] = build.data
    model: Callable[[Recipe, ImageSet | Outline, Mapping[str, Frozen]], Generator] = build.model
    optimizers: Callable[[Recipe, Generator], dict[str, Optimizer]] = build.optimizers
    update: Callable[[Recipe, Fabric], Update] = build.update
    companions: Mapping[str, Parts] = field(default_factory=dict)
    version: str = ""

    @property
    def own(self) -> bool:
        """Whether something here is the user's, of which the recipe does not tell."""
        return self != BUILD


BUILD = Parts()
"""what recipes say"""


def require_model(model: object) -> None:
    """RecipeError unless it is a model that can be trained."""
    if not isinstance(model, Generator):
        raise RecipeError(
            f"Parts.model must return a kelbo.protocols.Model, or a Generator; it returned {type(model).__name__}."
        )
    if isinstance(model, Model) and not isinstance(getattr(model, "likelihood", None), Likelihood):
        raise RecipeError(f"The model {type(model).__name__} has no `likelihood`, a kelbo.protocols.Likelihood.")


def require_step(recipe: Recipe, update: Update, optimizers: dict[str, Optimizer], processes: int) -> None:
    """RecipeError unless the optimisers have usable names and rates, and the update does what the recipe asks of a step."""
    if not isinstance(optimizers, dict) or not optimizers:
        raise RecipeError("Parts.optimizers must return a dict: one optimiser or more, by the name of what each moves.")
    for name, optimizer in optimizers.items():
        if "/" in name:
            raise RecipeError(f"The optimiser {name!r} has a / in its name, which is how names are joined. Rename it.")
        if any(isinstance(group["lr"], Tensor) for group in optimizer.param_groups):
            raise RecipeError(f"The learning rate of the optimiser {name!r} is a tensor. Give it a number.")
    what, plan = getattr(update, "__name__", type(update).__name__), recipe.training
    if not callable(update):
        raise RecipeError(f"Parts.update must return a function of a state and a batch; it returned a {what}.")
    if isinstance(update, LossUpdate) and len(optimizers) > 1:
        raise RecipeError(
            f"{what} has one loss and one optimiser; these are {', '.join(optimizers)}. Give Parts.update."
        )
    if plan.clip not in (None, getattr(update, "clip", None)):
        raise RecipeError(
            f"training.clip is {plan.clip}, but {what} does not clip to it. Leave training.clip out, or let the update clip, "
            "and have that norm as its attribute `clip`."
        )
    if plan.skip.kind != "never" and getattr(update, "skipping", None) is None:
        raise RecipeError(
            f"training.skip is set, but {what} skips no updates. Leave training.skip out, or let the update skip them, and "
            "have its kelbo.training.Skipping as its attribute `skipping`."
        )
    if plan.accumulate != getattr(update, "accumulate", 1):
        raise RecipeError(
            f"training.accumulate is {plan.accumulate}, but {what} does not take batches in so many parts. Set it to 1, or let "
            "the update do so, and have that number as its attribute `accumulate`."
        )
    if processes > 1 and not getattr(update, "distributed", False):
        raise RecipeError(
            f"{processes} processes would train {processes} different models: {what} does not say that it averages "
            "gradients. Call kelbo.training.reduce_gradients before each optimiser's step, and set its `distributed` to True."
        )
