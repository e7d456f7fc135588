"""A conditional model under chosen conditions: what is given to samples, and to examples that are decoded under others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kelbo.bound import Batch, Given
from kelbo.data.conditions import Chosen, Condition
from kelbo.errors import RecipeError
from kelbo.experiments.experiment import Experiment

FEW = 12
"""combinations of values up to which a grid of samples has a row for each"""


@dataclass(frozen=True)
class Conditional:
    """A run whose model is given what `condition` says of each example."""

    experiment: Experiment
    condition: Condition

    def chosen(self, text: str) -> Chosen:
        """The values that a text names: see `Condition.chosen`."""
        return self.condition.chosen(text)

    def draws(self, chosen: Chosen, count: int) -> dict[str, Tensor]:
        """What is given to `count` samples under chosen values; values that are not chosen are those of test examples."""
        width = len(self.condition.variables)
        if len(chosen) == width:  # then the data need not be read
            return self._given(torch.zeros(count, width, dtype=torch.long, device=self.experiment.device), chosen)
        return self._given(self.values(self.experiment.conditions(count)), chosen)

    def changed(self, batch: Batch, chosen: Chosen) -> dict[str, Tensor]:
        """What is given of the examples of a batch, with the chosen values in place of their own."""
        return self._given(self.values(batch.given), chosen)

    def values(self, given: Given) -> Tensor:
        """The values (N, V) of what is given of N examples."""
        return self.condition.decode(given[self.condition.name])

    def others(self, chosen: Chosen) -> str:
        """The names of the variables that are not chosen, for people; "" if there are none."""
        return ", ".join(one.name for place, one in enumerate(self.condition.variables) if place not in chosen)

    def words(self, chosen: Chosen) -> str:
        """Chosen values without spaces, in the order of the variables: "3", "Smiling=1,Male=0"."""
        return self.condition.say(dict(sorted(chosen.items()))).replace(", ", ",")

    def combinations(self) -> list[Chosen]:
        """Every combination of values if there are few, else none."""
        few = self.condition.combinations <= FEW
        return [dict(enumerate(values)) for values in self.condition.each()] if few else []

    def _given(self, values: Tensor, chosen: Chosen) -> dict[str, Tensor]:
        values = values.clone()
        for place, value in chosen.items():
            values[:, place] = value
        return self.condition.given(values)


def conditional(experiment: Experiment, asked: str = "") -> Conditional:
    """The run as one whose model is given something that has words. RecipeError if it is not.

    asked: the words of a condition, for the message.
    """
    if experiment.condition is not None:
        return Conditional(experiment, experiment.condition)
    what = ", ".join(experiment.generator.conditions)
    why = f"is given {what}, which has no words" if what else "is given nothing beside the examples (model.given)"
    of = f", so {asked!r} names no condition of it" if asked else ""
    raise RecipeError(f"The model of {experiment.run.path} {why}{of}.")
