"""Which lanes can be one program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from kelbo.errors import RecipeError
from kelbo.recipes.schema import Recipe

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
    "training.pictures_every",
)
"""settings, or tables of them, that each lane may have its own of"""


def stackable(recipes: Sequence[Recipe]) -> None:
    """RecipeError with the first setting that keeps these recipes from being lanes of one program."""
    for other in recipes[1:]:
        for path, one, another in _differing(recipes[0].model_dump(mode="json"), other.model_dump(mode="json")):
            free = any(f"{path}.".startswith(f"{own}.") for own in OWN)
            if not free or (path == "likelihood.scale" and None in (one, another)):  # none is learned: a parameter more
                raise RecipeError(
                    f"These lanes cannot be stacked: {path} is {_told(one)} in one and {_told(another)} in another. Stacked "
                    "lanes share data, network, kinds of likelihood and optimiser, batch size and steps; train these by "
                    "the queue.",
                    remedy=("how",),
                )


def groups(recipes: Sequence[Recipe]) -> list[list[int]]:
    """The recipes' places in groups whose members can be lanes of one program, each in the order they have."""
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
    """Paths with two values; of a table, its kind comes first."""
    for key in sorted(one.keys() | another.keys(), key=lambda key: (key != "kind", key)):
        a, b = one.get(key, _ABSENT), another.get(key, _ABSENT)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from _differing(a, b, f"{prefix}{key}.")
        elif a != b:
            yield f"{prefix}{key}", a, b


_ABSENT = object()


def _told(value: Any) -> str:
    return "absent" if value is _ABSENT else "none" if value is None else repr(value)
