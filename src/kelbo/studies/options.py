"""`NAME=VALUE` texts as a study's options and, of names that the study does not have, as settings of its data."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from kelbo.errors import RecipeError
from kelbo.recipes.files import change
from kelbo.recipes.schema import Recipe
from kelbo.studies.arms import Ask, StudyOptions
from kelbo.studies.study import Study


def options_of(study: Study, texts: Sequence[str]) -> tuple[StudyOptions, tuple[str, ...]]:
    """The options of these texts, and the settings of the data among them ("crop=74").

    RecipeError for a text that is no NAME=VALUE, a name that is given twice, and a value that the option does not take.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name or not value:
            raise RecipeError(
                f"An option is NAME=VALUE, such as {_example(study)}; got {text!r}.", remedy=("settings",)
            )
        if name in found:
            raise RecipeError(
                f"{name} is given twice, as {found[name]} and {value}. Give it once.", remedy=("settings",)
            )
        found[name] = value
    fields = study.options.model_fields
    listed = ", ".join(fields)
    changes = {name: value for name, value in found.items() if name not in fields}
    if changes and not study.data_settings:
        raise RecipeError(
            f"The study {study.name} has no option {', '.join(changes)}. It has {listed or 'none'}.",
            remedy=("settings",),
        )
    own = {name: _value(fields[name].annotation, value) for name, value in found.items() if name in fields}
    try:
        options = study.options.model_validate(own)
    except ValidationError as error:
        fault = error.errors()[0]
        name = str(fault["loc"][0]) if fault["loc"] else "an option"
        why = fault["msg"].removeprefix("Value error, ")
        raise RecipeError(
            f"{name}={found.get(name, '')}: {why.rstrip('.')}. The study's options are {listed}.",
            remedy=("settings",),
        ) from error
    return options, tuple(f"{name}={value}" for name, value in changes.items())


def with_changes(recipe: Recipe, ask: Ask) -> Recipe:
    """A recipe with the settings of its data that were asked for. RecipeError lists options and settings for a wrong name."""
    settings, options = type(recipe.data).model_fields, type(ask.options).model_fields
    for text in ask.changes:
        name = text.partition("=")[0]
        if name not in settings or name in ("kind", "root"):
            known = [other for other in settings if other not in ("kind", "root")]
            raise RecipeError(
                f"There is no option {name}. The study's options are {', '.join(options)}; settings of {recipe.data.kind} are "
                f"{', '.join(known)}.",
                remedy=("settings",),
            )
    return change(recipe, [f"data.{text}" for text in ask.changes])


def _value(annotation: Any, text: str) -> Any:
    """A text as an option's value; of a tuple's type, split at commas."""
    if text.lower() in ("none", "null"):
        return None
    kinds = typing.get_args(annotation) if typing.get_origin(annotation) is not tuple else (annotation,)
    listed = any(typing.get_origin(kind) is tuple for kind in kinds)
    return tuple(part.strip() for part in text.split(",") if part.strip()) if listed else text


def _example(study: Study) -> str:
    fields = study.options.model_fields
    name = next(iter(fields), "crop")
    default = fields[name].default if name in fields else 74
    return f"{name}={default if default is not None else 'VALUE'}"
