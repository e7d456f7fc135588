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

from kelbo.errors import DataUnknown

BINARY = ("0", "1")
"""the values of a variable that takes one column, 0 or 1, instead of one column a value"""


Chosen = Mapping[int, int]
"""Values of some variables of a condition, by the variable's place."""


@dataclass(frozen=True)
class Variable:
    """One thing that is known of every example. values: what it can be, in words."""

    name: str
    values: tuple[str, ...]

    @property
    def columns(self) -> int:
        return 1 if self.values == BINARY else len(self.values)

    def value(self, text: str) -> int:
        """Which value these words name. DataUnknown, with the nearest, if there is none."""
        if text not in self.values:
            near = nearest(text, self.values)
            raise DataUnknown(f"{self.name} has no value {text!r}; {near}.")
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

    @property
    def summary(self) -> str:
        """The variables and how many values each has, for people; of one alone, its values."""
        if len(self.variables) == 1:
            return shortened(self.variables[0].values)
        counts = [one.name if one.values == BINARY else f"{one.name} ({len(one.values)})" for one in self.variables]
        return shortened(counts)

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

    def given(self, values: Tensor) -> dict[str, Tensor]:
        """What a model is given under values (integers, (N, V)), on their device."""
        return {self.name: self.encode(values)}

    def words(self, values: Sequence[int]) -> str:
        """Values (V,) for people: "3", or "Smiling=1, Male=0"."""
        return self.say(dict(enumerate(values)))

    def say(self, chosen: Chosen) -> str:
        """The values of some variables for people, as `words` has those of all."""
        if self.name == "labels":
            return ", ".join(self.variables[place].values[value] for place, value in chosen.items())
        named = [(self.variables[place], value) for place, value in chosen.items()]
        return ", ".join(f"{variable.name}={variable.values[value]}" for variable, value in named)

    def parse(self, text: str, rest: Sequence[int] | None = None) -> tuple[int, ...]:
        """The values (V,) that a text names: "3" of labels, else "Smiling=1,Male=0".

        rest: the values of variables that are not named; DataUnknown if there are such and no rest, or as `chosen` raises it.
        """
        named = self.chosen(text)
        if rest is None and (missing := [one.name for at, one in enumerate(self.variables) if at not in named]):
            raise DataUnknown(f"{text!r} does not say {', '.join(missing)}, which this model is given too.")
        return tuple(named[at] if rest is None else named.get(at, rest[at]) for at in range(len(self.variables)))

    def chosen(self, text: str) -> dict[int, int]:
        """The values that a text names, "3" of labels, else "Smiling=1,Male=0" or only some of these, by variable.

        DataUnknown if a name or a value does not exist (with the nearest that does), or if one is named twice.
        """
        named: dict[int, int] = {}
        names = [one.name for one in self.variables]
        for part in [text] if self._is_value(text) else text.split(","):
            name, equals, value = (word.strip() for word in part.partition("="))
            if len(names) == 1 and (not equals or name not in names):
                name, value = names[0], part.strip()
            if name in names and not value:
                values = self.variables[names.index(name)].values
                raise DataUnknown(
                    f"{part.strip()!r} gives {name} no value. Write {name}={values[-1]}, or another of {shortened(values)}."
                )
            if name not in names:
                example = self.words([0] * len(names)).replace(", ", ",")
                raise DataUnknown(
                    f"{part.strip()!r} names no value of this model's {self.name}: {nearest(name, names)}. Write {example}."
                )
            place = names.index(name)
            if place in named:
                raise DataUnknown(f"{text!r} names {name} twice.")
            named[place] = self.variables[place].value(value)
        return named

    def _is_value(self, text: str) -> bool:
        """Whether the whole text is the value of the only variable: a class may have commas in its name."""
        return len(self.variables) == 1 and text.strip() in self.variables[0].values

    def each_value(self, most: int = 12, rows: int = 48) -> list[dict[int, int]]:
        """Each value of each variable alone, to show it: of many values, `most` evenly spread; the first `rows` of all."""
        found = []
        for place, variable in enumerate(self.variables):
            last, count = len(variable.values) - 1, min(most, len(variable.values))
            values = sorted({round(i * last / max(1, count - 1)) for i in range(count)})
            found += [{place: value} for value in values]
        return found[:rows]

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
    return f"the nearest is {', '.join(near)}" if near else f"there is {shortened(words, most)}"


def shortened(words: Sequence[str], most: int = 12) -> str:
    """A list of words for people, of many only the first."""
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
