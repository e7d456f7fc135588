"""What a page shows: the measurements of one checkpoint and their run, read from the run's folder alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kelbo.errors import Damaged, RunError
from kelbo.recipes.files import load
from kelbo.recipes.schema import Recipe
from kelbo.runs import Measurement, Run
from kelbo.runs.measurement import Record
from kelbo.runs.measurements import records
from kelbo.units import noun_of

MOST = 4
"""grids of edits that a page shows"""


@dataclass(frozen=True)
class Shown:
    """A run as its page shows it. page: the measurement that names the others; parts: these by name."""

    run: Run
    page: Measurement
    parts: Mapping[str, Measurement]

    @cached_property
    def recipe(self) -> Recipe:
        return load(self.run.recipe_path, kept=True)

    @property
    def step(self) -> int:
        return self.page.step

    @property
    def averaged(self) -> bool:
        """Whether the weights are their moving average."""
        return self.page.settings["averaged"]

    @property
    def noise(self) -> bool:
        return self.page.settings["noise"]

    @property
    def fitted_prior(self) -> str | None:
        """Name and words of the fitted prior that the model had in place of its own, if it had one."""
        return self.page.settings["prior"].partition(" #")[0] if "prior" in self.page.settings else None

    @property
    def test(self) -> Record | None:
        """The record of the usual evaluation on the test split; None if the page was made without data and there is none."""
        return self.parts["evaluation"].record if "evaluation" in self.parts else None

    @property
    def whole(self) -> bool:
        """Whether the page was made with the data."""
        return self.page.settings.get("data", True)

    @property
    def has_rate(self) -> bool:
        return self.page.value["has_rate"] if self.test is None else self.test["rate"] is not None

    @property
    def reads(self) -> bool:
        """Whether the model reads examples; a GAN only draws them."""
        return self.page.value.get("reads", True)

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The run's images in its provenance: name, shape, levels, splits. Damaged if they are not there."""
        found = self.run.provenance().get("data")
        if not isinstance(found, dict) or not {"name", "note", "shape", "levels", "splits"} <= found.keys():
            raise Damaged(
                f"{self.run.provenance_path} does not tell the run's images. Restore the file, or train again."
            )
        return found

    @property
    def noun(self) -> str:
        """What an example is called."""
        return noun_of(self.data["shape"])

    @property
    def tabular(self) -> bool:
        """Whether the examples are rows of a table, of which there are no pictures over time."""
        return "columns" in self.data

    def edits(self, name: str = "attributes.edits") -> list[Measurement]:
        """What was measured of attributes under that name, of the page's weights as it opened them; the last ones."""
        how = {key: self.page.settings.get(key) for key in ("checkpoint", "averaged", "prior")}
        found = [
            one
            for one in self.run.measurements.newest("attributes", weights=self.page.weights)
            if (one.name, one.weights) == (name, self.page.weights)
            and how == {key: one.settings.get(key) for key in how}
        ]
        return sorted(found, key=lambda one: one.circumstances["measured"])[-MOST:]

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The journal's columns up to the page's checkpoint, each (T,): a run that trains on has later rows."""
        return self.run.journal.columns(self.step)

    def records(self) -> dict[str, Record]:
        """All evaluations by label: of the page's weights if there is one, else of the newest step."""
        newest = self.run.measurements.newest("evaluation", weights=self.page.weights)
        found = records(newest, self.page.weights)
        return found if self.test is None else found | {self.parts["evaluation"].label: self.test}

    def scores(self) -> dict[str, Record]:
        """All scores by label, of the same weights as `records`."""
        newest = self.run.measurements.newest(weights=self.page.weights)
        return records((one for one in newest if "scores" in one.value), self.page.weights)


def shown(run: Run, page: Measurement | None = None) -> Shown:
    """What the page shows that was measured last, or the one given. RunError if none was measured."""
    pages = sorted(run.measurements.all("page"), key=lambda one: one.circumstances["measured"])
    if page is None and not pages:
        raise RunError(f"{run.path} has no page's measurements yet. Write the report of the model and its data first.")
    page = page or pages[-1]
    parts = {name: run.measurements.get(name, key) for name, key in page.value["parts"].items()}
    if gone := [name for name, part in parts.items() if part is None]:
        raise Damaged(f"{run.path} has lost the measurement {', '.join(gone)} of its page. Write the report again.")
    return Shown(run, page, {name: part for name, part in parts.items() if part is not None})
