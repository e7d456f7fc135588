"""A grid: every combination of some settings' values and seeds, as a list of recipes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from kelbo.errors import RecipeError
from kelbo.recipes.files import change
from kelbo.recipes.schema import Recipe

LONGEST = 240
"""letters of a lane's name; files append a suffix to it"""


class Axis(NamedTuple):
    """One setting and the values it takes, as texts."""

    path: str
    values: tuple[str, ...]


class Lane(NamedTuple):
    """One recipe of a sweep. settings: the values that the sweep varies, by path. name: also that of the lane's folder."""

    name: str
    settings: dict[str, str]
    seed: int
    recipe: Recipe


def grid(recipe: Recipe, over: Sequence[str], seeds: Sequence[int] = ()) -> list[Lane]:
    """The lanes of `recipe` over axes such as "objective.beta=0.1,1,4", each with every seed; the first axis varies slowest.

    Without seeds the recipe's own is used. RecipeError for an unknown setting or invalid value, an axis without values or
    given twice, and two lanes that would be the same run.
    """
    axes = [axis(text) for text in over]
    paths = [a.path for a in axes]
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise RecipeError(
            f"{', '.join(twice)} is varied twice. Give all its values at once: {twice[0]}=A,B,C.", remedy=("over",)
        )
    lanes: list[Lane] = []
    for values in itertools.product(*(a.values for a in axes)):
        settings = dict(zip(paths, values, strict=True))
        changed = change(recipe, [f"{path}={value}" for path, value in settings.items()])
        for seed in seeds or (recipe.seed,):
            lanes.append(Lane(_name(settings, seed), settings, seed, change(changed, [f"seed={seed}"])))
    _require_distinct(lanes)
    return lanes


def axis(text: str) -> Axis:
    """Read "objective.beta=0.1,1,4" as an axis; commas within brackets or quotes do not split. RecipeError if it is none."""
    path, sign, values = text.partition("=")
    found = tuple(value.strip() for value in _parts(values))
    if not sign or not path.strip() or not all(found):
        raise RecipeError(
            f"A varied setting is PATH=VALUE,VALUE,…, such as objective.beta=0.1,1,4; got {text!r}.", remedy=("over",)
        )
    if path.strip() == "seed":
        raise RecipeError(f"seed cannot be varied as a setting: give seeds={values} instead.", remedy=("seeds",))
    return Axis(path.strip(), found)


def seeds_of(text: str) -> tuple[int, ...]:
    """Read "123,427" as seeds. RecipeError if a part is not a whole number from 0."""
    found = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in found):
        raise RecipeError(f"seeds must be whole numbers from 0, such as 123,427,235; got {text!r}.", remedy=("seeds",))
    return tuple(map(int, found))


def _parts(text: str) -> list[str]:
    """The text split at its commas, except within brackets or quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote or letter in "\"'":
            quote = "" if letter == quote else quote or letter
        depth += (not quote) * ((letter in "[{") - (letter in "]}"))
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _name(settings: dict[str, str], seed: int) -> str:
    short = [path.rpartition(".")[2] for path in settings]
    parts = [
        f"{path if short.count(last) > 1 else last}={value}"
        for (path, value), last in zip(settings.items(), short, strict=True)
    ]
    return re.sub(r"[^A-Za-z0-9._=,+-]+", "_", ",".join([*parts, f"seed={seed}"]))


def _require_distinct(lanes: Sequence[Lane]) -> None:
    known: dict[tuple[str, int], Lane] = {}
    for lane in lanes:
        other = known.setdefault((lane.recipe.fingerprint, lane.seed), lane)
        if other is not lane:
            raise RecipeError(
                f"The lanes {other.name} and {lane.name} are the same run. Name each value and seed once."
            )
    names = [lane.name for lane in lanes]
    if longest := max((name for name in names if len(name) > LONGEST), key=len, default=""):
        raise RecipeError(
            f"A lane's folder name would have {len(longest)} letters, {longest[:60]}…; a file system allows {LONGEST}. "
            "Put long values into separate recipes, or vary shorter ones."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RecipeError(
            f"Two lanes would be called {twice}. Give all values of one setting together.", remedy=("over",)
        )
