"""What a model is given of each example beside the example itself: its class, attributes or factors, as numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from kelbo.errors import DataError

BINARY = ("0", "1")
"""the values of a variable that takes one column, 0 or 1, instead of one column a value"""


@dataclass(frozen=True)
class Variable:
    """One thing that is known of every example. values: what it can be, in words."""

    name: str
    values: tuple[str, ...]

    @property
    def columns(self) -> int:
        return 1 if self.values == BINARY else len(self.values)

    def value(self, text: str) -> int:
        """Which value these words name. DataError, with the nearest, if there is none."""
        if text not in self.values:
            near = nearest(text, self.values)
            raise DataError(f"{self.name} has no value {text!r}; {near}.")
        return self.values.index(text)


@dataclass(frozen=True)
class Condition:
    """What a model is given of each example: V variables, as one row of A numbers.

    name       of the entry of `Batch.given`: "labels", "attributes" or "factors"
    variables  one-hot each, one after another; one with the values 0 and 1 is one column
    """

    name: str
    variables: tuple[Variable, ...]

    @property
    def columns(self) -> int:
        """A."""
        return sum(variable.columns for variable in self.variables)

    @property
    def combinations(self) -> int:
        """How many rows there can be."""
        return math.prod(len(variable.values) for variable in self.variables)

    def encode(self, values: Tensor) -> Tensor:
        """Values (integers, (N, V)) as rows, float32 (N, A), on their device."""
        parts = []
        for column, variable in enumerate(self.variables):
            part = values[:, column].long()
            one_hot = torch.nn.functional.one_hot(part, len(variable.values))
            parts.append(part[:, None] if variable.columns == 1 else one_hot)
        return torch.cat(parts, 1).float()

    def decode(self, rows: Tensor) -> Tensor:
        """The values, int64 (N, V), of rows that `encode` made."""
        parts = rows.split([variable.columns for variable in self.variables], 1)
        return torch.stack([part.round().long()[:, 0] if part.shape[1] == 1 else part.argmax(1) for part in parts], 1)

    def each(self) -> Iterator[tuple[int, ...]]:
        """Every combination of values, the last variable's fastest."""
        return itertools.product(*(range(len(variable.values)) for variable in self.variables))

    def words(self, values: Sequence[int]) -> str:
        """Values (V,) for people: "3", or "Smiling=1, Male=0"."""
        names = [variable.values[value] for variable, value in zip(self.variables, values, strict=True)]
        if len(names) == 1 and self.name == "labels":
            return names[0]
        return ", ".join(f"{variable.name}={name}" for variable, name in zip(self.variables, names, strict=True))

    def parse(self, text: str, rest: Sequence[int] | None = None) -> tuple[int, ...]:
        """The values (V,) that a text names: "3" of labels, else "Smiling=1,Male=0".

        rest: the values of variables that are not named; DataError if there are such and no rest, if a name or a value does
        not exist (with the nearest that does), or if one is named twice.
        """
        named: dict[str, int] = {}
        for part in text.split(","):
            name, equals, value = (word.strip() for word in part.partition("="))
            if not equals and len(self.variables) == 1:
                name, value = self.variables[0].name, name
            variable = next((one for one in self.variables if one.name == name), None)
            if variable is None or not value:
                example = self.words([0] * len(self.variables)).replace(" ", "")
                near = nearest(name, [one.name for one in self.variables])
                raise DataError(
                    f"{part.strip()!r} names no value of this model's {self.name}: {near}. Write {example}."
                )
            if name in named:
                raise DataError(f"{text!r} names {name} twice.")
            named[name] = variable.value(value)
        if rest is None and (missing := [one.name for one in self.variables if one.name not in named]):
            raise DataError(f"{text!r} does not say {', '.join(missing)}, which this model is given too.")
        return tuple(
            named.get(variable.name, rest[column] if rest is not None else 0)
            for column, variable in enumerate(self.variables)
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "variables": [{"name": one.name, "values": list(one.values)} for one in self.variables],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Condition:
        """The inverse of `as_json`."""
        return cls(told["name"], tuple(Variable(one["name"], tuple(one["values"])) for one in told["variables"]))


def nearest(word: str, words: Sequence[str], most: int = 12) -> str:
    """What is near a word that does not exist, and what there is."""
    near = get_close_matches(word, words, 3, cutoff=0.6)
    listed = ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
    return f"the nearest is {', '.join(near)}" if near else f"there is {listed}"
