"""Recipes in and out of TOML, and changed by `path=value`; every fault is named by its path."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import tomli_w
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kelbo.errors import RecipeError
from kelbo.names import text_of
from kelbo.recipes.data_specs import PLACES, DrawnSpec
from kelbo.recipes.schema import DiscriminatorDistanceSpec, PerceptualDistanceSpec, Recipe, StartSpec

Table = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)


def dump(recipe: Recipe) -> str:
    """The recipe as TOML with every default written out. TOML has no null: a setting that is None is "none" there."""
    return tomli_w.dumps(_each(recipe.model_dump(mode="json"), lambda value: "none" if value is None else value))


def load(path: Path, *, kept: bool = False) -> Recipe:
    """Read a recipe from a TOML file; its paths are made absolute. RecipeError if it is not TOML or not a recipe.

    kept: see `parse_text`; where a kept recipe was run is not known, so its relative paths stay relative.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # a byte order mark, which some editors write, is no fault
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not a recipe in TOML: {error}") from error
    recipe = parse_text(text, path, kept=kept)
    return recipe if kept else located(recipe)


def parse_text(text: str, place: Path, *, kept: bool = False) -> Recipe:
    """A recipe from TOML that was found in `place`. RecipeError if it is not TOML or not a recipe.

    kept: whether a run or a sweep wrote it, with all settings that existed then. A setting that is missing there did not exist
    yet and gets the value that was the rule then: test images were drawn by the recipe's own seed. Its name may be any.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of numbers and nesting that Python limits, too
        raise RecipeError(f"{place} is not a recipe in TOML: {error}") from error
    return parse(_as_written(table), (table.get("name"),)) if kept else parse(table)


def parse(table: Table, kept_names: Collection[object] = ()) -> Recipe:
    """A recipe from nested tables; a model is a VAE unless it has a kind. RecipeError names each wrong path and its value.

    kept_names: recipe names that are allowed although they are not plain.
    """
    if isinstance(model := table.get("model"), dict):
        table = {**table, "model": {"kind": "vae", **model}}
    try:
        plainly = _each(table, lambda value: None if value in ("none", "null") else value)
        return Recipe.model_validate(plainly, context={"kept_names": kept_names})
    except ValidationError as error:
        raise RecipeError("\n".join(_explain(fault) for fault in error.errors())) from error


OPTIONAL = ("data.augment", "start", "adversary", "adversary.balance", "distance")
"""tables that a recipe may lack, and that setting something in them makes"""


def change(recipe: Recipe, assignments: Iterable[str]) -> Recipe:
    """Apply "objective.beta=4" and the like, in order; values are TOML, or else text. Paths are made absolute.

    Choosing another `kind` keeps the settings that both kinds have and drops the others. A setting that has another default
    in the new kind means something else there (model.latents: dimensions of a vector, or channels of each group), so it
    begins with that default unless these assignments set it. RecipeError for a path or value that no recipe has.
    """
    table, assigned = recipe.model_dump(mode="json"), set[str]()
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        keys = path.strip().split(".")
        if not sign or not all(keys):
            raise RecipeError(
                f"A setting is PATH=VALUE, such as objective.beta=4; got {assignment!r}.", remedy=("settings",)
            )
        place = table
        if keys[0] == "runs" and len(keys) > 2:  # the only table whose names are the user's
            table["runs"].setdefault(keys[1], {})
        for depth, key in enumerate(keys[:-1]):
            inner = place.get(key)
            if not isinstance(inner, dict) and ".".join(keys[: depth + 1]) in OPTIONAL:
                inner = place[key] = {}
            if not isinstance(inner, dict):
                raise RecipeError(_no_such_setting(".".join(keys[: depth + 1]), place))
            place = inner
        before, place[keys[-1]] = place.get(keys[-1]), _value(text.strip())
        if keys[-1] == "kind" and len(keys) > 1:
            _drop_other_kinds_settings(keys[:-1], place, before, assigned)
        assigned.add(".".join(keys))
    return located(parse(table, (recipe.name,)))


def located(recipe: Recipe) -> Recipe:
    """The recipe with absolute paths, so that it names the same files from every folder.

    A table of attributes that is not found from here stays relative: it may lie beside its pictures.
    """
    return _located(recipe)


def _located(spec: Model) -> Model:
    found = {name: _moved(name, value) for name, value in spec}
    return spec.model_copy(update={name: new for name, new in found.items() if new is not getattr(spec, name)})


def _moved(name: str, value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _located(value)
    if isinstance(value, dict):
        return {key: _moved(key, inner) for key, inner in value.items()} or value
    if not isinstance(value, Path) or (name == "attributes_file" and not value.exists()):
        return value
    with suppress(RuntimeError):  # a "~" without a home folder is a name like any other
        value = value.expanduser()
    return value.resolve()


def setting_of(path: str, place: Path) -> str:
    """The assignment that sets the setting `path` to a file's or folder's path, for `change`."""
    # quoted, so that no letter is special; TOML has none of JSON's escapes for letters beyond 16 bits
    return f"{path}={json.dumps(text_of(place), ensure_ascii=False)}"


def differences(before: Recipe, after: Recipe) -> list[str]:
    """What differs between two recipes except for where data and other runs are, as "path: old → new"."""
    elsewhere: dict[str, Any] = {"data": PLACES, "runs": {"__all__": {"path"}}}
    if before.start and after.start and before.start.weights == after.start.weights:
        elsewhere["start"] = {"path"}
    tables = (r.model_dump(mode="json", exclude=elsewhere) for r in (before, after))
    old, new = (dict(_flat(table | {"start": table["start"] or {}})) for table in tables)
    return [
        f"{path}: {old.get(path, 'absent')} → {new.get(path, 'absent')}"
        for path in sorted(old.keys() | new.keys())
        if old.get(path, ...) != new.get(path, ...)
    ]


def continuing(recipe: Recipe, before: Recipe) -> Recipe:
    """The recipe for continuing what `before` began: if that draws test images by its own seed, so does this.

    An earlier version always drew them so, and the command that continues such a run does not name that setting, nor the
    weights of other runs, nor those that it began from.
    """
    known = {name: spec.weights for name, spec in before.runs.items()}
    runs = {
        name: spec if spec.weights else spec.model_copy(update={"weights": known.get(name)})
        for name, spec in recipe.runs.items()
    }
    known_by_hash = {"runs": runs, "start": _start_of(recipe, before), "distance": _distance_of(recipe, before)}
    recipe = recipe.model_copy(update=known_by_hash)
    if _split_seed(before) != "seed" or _split_seed(recipe) != 0:
        return recipe
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"split_seed": "seed"})})


def _start_of(recipe: Recipe, before: Recipe) -> StartSpec | None:
    """What a recipe begins from, with the hash that `before` has if both name one folder."""
    start, known = recipe.start, before.start
    if start is None or known is None or start.weights or start.path.resolve() != known.path.resolve():
        return start
    return start.model_copy(update={"weights": known.weights})


def _distance_of(recipe: Recipe, before: Recipe) -> DiscriminatorDistanceSpec | PerceptualDistanceSpec | None:
    """A recipe's distance, with the hash of features that `before` has if both name one file."""
    match recipe.distance, before.distance:
        case PerceptualDistanceSpec(sha256=None) as own, PerceptualDistanceSpec() as known:
            same = own.features.resolve() == known.features.resolve()
            return own.model_copy(update={"sha256": known.sha256}) if same else own
    return recipe.distance


def _split_seed(recipe: Recipe) -> int | str | None:
    return getattr(recipe.data, "split_seed", None)


def _as_written(table: Table) -> Table:
    """A kept recipe's table with what was the rule when it was written."""
    data = table.get("data")
    drawn = [spec for spec in _specs(Recipe.model_fields["data"].annotation) if issubclass(spec, DrawnSpec)]
    if isinstance(data, dict) and any(data.get("kind") in _kinds(spec) for spec in drawn):
        return {**table, "data": {"split_seed": "seed", **data}}
    return table


def _drop_other_kinds_settings(keys: list[str], place: Table, before: object, assigned: Collection[str]) -> None:
    """Drop what the kind now in `place` does not have, and what means something else in it than in the kind `before`."""
    spec, old = _spec_of(keys, place["kind"]), _spec_of(keys, before)
    if spec is None or old is None:
        return  # no such setting or kind: validation reports it
    for name in list(place):
        field, other = spec.model_fields.get(name), old.model_fields.get(name)
        kept = other is None or name == "kind" or ".".join([*keys, name]) in assigned
        if field is None or not (kept or _alike(field, other)):
            del place[name]


def _spec_of(keys: list[str], kind: object) -> type[BaseModel] | None:
    """The spec of this kind at a path; None if there is none."""
    spec: type[BaseModel] = Recipe
    candidates: list[type[BaseModel]] = []
    for key in keys:
        candidates = _specs(spec.model_fields[key].annotation)
        spec = next((c for c in candidates if kind in _kinds(c)), candidates[0])
    known = "kind" in spec.model_fields and (len(candidates) == 1 or kind in _kinds(spec))
    return spec if known else None


def _alike(field: FieldInfo, other: FieldInfo | None) -> bool:
    """Whether a setting of two kinds has one default, or must be given in either."""
    if other is None or field.is_required() or other.is_required():
        return True
    return field.get_default(call_default_factory=True) == other.get_default(call_default_factory=True)


def _value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def _each(table: Table, convert: Callable[[Any], Any]) -> Table:
    """The table with every value, but not the recipe's name, converted."""
    return {
        key: _each(value, convert) if isinstance(value, dict) else value if key == "name" else convert(value)
        for key, value in table.items()
    }


def _flat(table: Table, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _no_such_setting(path: str, known: Iterable[str]) -> str:
    return f"This recipe has no setting {path}; it has {', '.join(sorted(known))}."


def _explain(fault: Any) -> str:
    """One of pydantic's faults as a sentence: path, value, rule."""
    keys = [str(key) for key in fault["loc"]]
    value, kind, context = fault["input"], fault["type"], fault.get("ctx", {})
    walked = list(_walk(keys))
    path = ".".join(key for key, _ in walked)  # without the tags of unions
    if kind == "extra_forbidden":
        specs = [spec for _, spec in walked[:-1] if spec]
        return _no_such_setting(path, (specs[-1] if specs else Recipe).model_fields)
    if kind == "missing":
        return f"{path} is missing; every recipe needs it."
    if kind == "union_tag_invalid":
        return f"{path}.kind is {context['tag']!r}; allowed are {context['expected_tags']}."
    if kind == "union_tag_not_found":
        return f"{path}.kind is missing; it chooses the kind of {path}."
    rule = fault["msg"].removeprefix("Value error, ")
    return f"{path} is {value!r}: {rule[0].lower()}{rule[1:]}."


def _walk(keys: list[str]) -> Iterator[tuple[str, type[BaseModel] | None]]:
    """Each real key of a location with the spec below it; a union's tag is taken with the key before it."""
    spec: type[BaseModel] | None = Recipe
    while keys:
        key, *keys = keys
        field = spec.model_fields.get(key) if spec else None
        candidates = _specs(field.annotation) if field else []
        spec = candidates[0] if len(candidates) == 1 else None
        if len(candidates) > 1 and keys and (tagged := [one for one in candidates if keys[0] in _kinds(one)]):
            spec, keys = tagged[0], keys[1:]
        yield key, spec


def _specs(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) is Annotated:
        return _specs(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [spec for part in get_args(annotation) for spec in _specs(part)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def _kinds(spec: type[BaseModel]) -> tuple[str, ...]:
    field = spec.model_fields.get("kind")
    return get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
