"""Which lanes can be stacked as one program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from kelbo.errors import RecipeError
from kelbo.protocols import Generator
from kelbo.recipes.schema import COMPUTED, Recipe, TrainingSpec
from kelbo.training import AccumulatingUpdate, LossUpdate, Update

OWN = (
    "name",
    "seed",
    "objective",
    "schedule",
    "optimizer.learning_rate",
    "optimizer.betas",
    "optimizer.weight_decay",
    "likelihood.sigma",
    "likelihood.scale",
    "training.clip",
    "training.ema",
    "training.skip",
    "training.pictures_every",
)
"""settings, or tables of settings, in which stacked lanes may differ"""


def stackable(recipes: Sequence[Recipe]) -> None:
    """RecipeError with the first setting that prevents these recipes from being stacked."""
    for recipe in recipes:
        require_one_program(recipe)
    for other in recipes[1:]:
        for path, one, another in _differing(recipes[0].model_dump(mode="json"), other.model_dump(mode="json")):
            free = any(f"{path}.".startswith(f"{own}.") for own in OWN)
            learned = path == "likelihood.scale" and None in (one, another)  # one lane has a parameter more
            if not free or learned:
                raise RecipeError(
                    f"These lanes cannot be stacked: {path} is {_text(one)} in one and {_text(another)} in another. Stacked "
                    "lanes share data, network, kinds of likelihood and optimiser, batch size and steps; train these with "
                    "the queue.",
                    remedy=("how",),
                )


def require_one_program(recipe: Recipe) -> None:
    """RecipeError if one program of all lanes cannot do what a recipe says.

    It computes steps in its own way, and would show every lane the frozen models of the first one.
    """
    if recipe.runs:
        raise RecipeError(
            f"Lanes that use other runs (runs.{next(iter(recipe.runs))}) cannot be stacked; train these with the queue.",
            remedy=("how",),
        )
    if getattr(recipe.model, "checkpointing", False):
        raise RecipeError(
            "Lanes with model.checkpointing = true cannot be stacked: activations are computed again as they were written; "
            "train these with the queue.",
            remedy=("how",),
        )
    for name in ("adversary", "distance"):
        if getattr(recipe, name) is not None:
            raise RecipeError(
                f"Lanes with {name}.kind cannot be stacked: their training has more than one loss; train these with the queue.",
                remedy=("how",),
            )
    if getattr(getattr(recipe.model, "network", None), "norm", None) == "batch":
        raise RecipeError(
            'Lanes with model.network.norm = "batch" cannot be stacked: statistics of batches are kept in place; train these '
            "with the queue, or set it to group.",
            remedy=("how",),
        )
    for name in (*COMPUTED, "freeze"):
        if (value := getattr(recipe.training, name)) != TrainingSpec.model_fields[name].default:
            raise RecipeError(
                f"Lanes with training.{name} = {json.dumps(value)} cannot be stacked. Stacked lanes are computed as one "
                "program; train these with the queue.",
                remedy=("how",),
            )


def require_lanes(name: str, model: Generator, update: Update) -> LossUpdate:
    """The update of a lane of one program. RecipeError if its model or its update cannot be one."""
    if model.unstackable is not None:
        raise RecipeError(f"{name} cannot be stacked: {model.unstackable}. Train its sweep with a queue of processes.")
    if isinstance(update, AccumulatingUpdate):
        raise RecipeError(f"{name} cannot be stacked: it takes its batch in parts. Train its sweep with a queue.")
    if not isinstance(update, LossUpdate):
        raise RecipeError(
            f"{name} cannot be stacked: its training has more than one loss. Train its sweep with a queue."
        )
    return update


def groups(recipes: Sequence[Recipe]) -> list[list[int]]:
    """The recipes' indices in groups whose members can be stacked, each group in the recipes' order."""
    found: list[list[int]] = []
    for place, recipe in enumerate(recipes):
        for group in found:
            with suppress(RecipeError):
                stackable([recipes[group[0]], recipe])
                group.append(place)
                break
        else:
            found.append([place])
    return found


def _differing(one: dict[str, Any], another: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Paths with two different values; a table's kind comes first."""
    for key in sorted(one.keys() | another.keys(), key=lambda key: (key != "kind", key)):
        a, b = one.get(key, _ABSENT), another.get(key, _ABSENT)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from _differing(a, b, f"{prefix}{key}.")
        elif a != b:
            yield f"{prefix}{key}", a, b


_ABSENT = object()


def _text(value: Any) -> str:
    return "absent" if value is _ABSENT else "none" if value is None else repr(value)
