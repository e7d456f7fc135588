"""The numbers that a paper prints, one row a number in its study's paper.toml, and what is doubtful about them.

    title = "…"
    numbers = [
      {place = "Table 3", data = "mnist", model = "unit", quantity = "loss", value = 740.5, sd = 1.2, n = 3, erratum = "grey"},
    ]
    [errata]
    grey = "…"

`model` is a `StudyModel.printed`; `quantity` the paper's, which a table's column or a claim names. place, sd, n and erratum
may be absent.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from kelbo.studies.arms import StudyModel

COLUMNS = ("place", "data", "model", "quantity", "value", "sd", "n", "erratum")


@dataclass(frozen=True)
class Printed:
    """A number with its standard deviation over n seeds, None if that is not printed. erratum: a key of the paper's errata."""

    value: float
    sd: float | None = None
    n: int | None = None
    place: str = ""
    erratum: str = ""

    def __str__(self) -> str:
        shown = f"{self.value:,g}".replace("-", "−")
        return shown if self.sd is None else f"{shown} ± {self.sd:g}"


@dataclass(frozen=True)
class Paper:
    """A paper's file of printed numbers. ValueError for an unknown column or erratum when it is read."""

    file: Path

    @cached_property
    def content(self) -> dict[str, Any]:
        return tomllib.loads(self.file.read_text(encoding="utf-8"))

    @property
    def title(self) -> str:
        return self.content.get("title", "")

    @property
    def errata(self) -> dict[str, str]:
        return self.content.get("errata", {})

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The printed numbers, each with some of `COLUMNS`."""
        rows = self.content.get("numbers", [])
        if unknown := {key for row in rows for key in row} - set(COLUMNS):
            raise ValueError(
                f"{self.file} has columns {', '.join(sorted(unknown))}; numbers have {', '.join(COLUMNS)}."
            )
        if unknown := {row["erratum"] for row in rows if "erratum" in row} - self.errata.keys():
            raise ValueError(f"{self.file} names errata that it does not have: {', '.join(sorted(unknown))}.")
        return rows

    @cached_property
    def _found(self) -> dict[tuple[str, str, str], list[Printed]]:
        found: dict[tuple[str, str, str], list[Printed]] = {}
        for row in self.rows:
            number = Printed(row["value"], row.get("sd"), row.get("n"), row.get("place", ""), row.get("erratum", ""))
            found.setdefault((row.get("data", ""), row.get("model", ""), row["quantity"]), []).append(number)
        return found

    def find(self, model: StudyModel | str, quantity: str, data: str = "", place: str = "") -> Printed | None:
        """What the paper prints of a model on a set, in a place if several print it; None if nothing."""
        name = model if isinstance(model, str) else model.printed
        there = self._found.get((data, name, quantity), ())
        return next((one for one in there if place in ("", one.place)), None)

    def said(
        self, quantity: str, models: Sequence[StudyModel], sets: Iterable[str], names: dict[str, str] | None = None
    ) -> str:
        """The printed numbers of some models by set, in words: "SVHN: Gaussian 112.5, shared σ 22.25"; sets that lack all are
        left out."""
        told = []
        for data in sets:
            numbers = [f"{model} {number}" for model in models if (number := self.find(model, quantity, data))]
            if numbers:
                told.append(f"{(names or {}).get(data, data)}: {', '.join(numbers)}")
        return "; ".join(told)


@cache
def paper(file: Path) -> Paper:
    """The paper of a file, read once."""
    return Paper(file)
