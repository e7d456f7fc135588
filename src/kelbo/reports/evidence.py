"""A number with its interval, and the side of a claim on which it lies."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from kelbo.reports.numbers import NONE, decimals_of, fixed, plain

Unit = Literal["percent", "points", "distance", "intensity", "nats", "correlation", "ratio", "gap", "relative"]


class Estimate(NamedTuple):
    """A number with its central 95 % interval, None if there is none. how: the kind of interval, and of how many values."""

    value: float
    low: float | None
    high: float | None
    how: str


class Evidence(NamedTuple):
    """One number of a test. By the claim it is above `above` and below `below`, both in the number's own unit.

    models: those that it was measured on, as the study names them. held: why it decides nothing, a phrase; "" if it may.
    """

    label: str
    estimate: Estimate
    unit: Unit
    above: float = -math.inf
    below: float = math.inf
    models: tuple[Hashable, ...] = ()
    held: str = ""

    @property
    def side(self) -> Literal["for", "against", "open"]:
        """The interval's side; "open" if both sides are in it, if there is none, or if the number is held."""
        _, low, high, _ = self.estimate
        if self.held or low is None or high is None:
            return "open"
        if low > self.above and high < self.below:
            return "for"
        return "against" if high < self.above or low > self.below else "open"

    @property
    def leans(self) -> bool:
        """Whether the number itself is on the claim's side."""
        return self.above < self.estimate.value < self.below

    @property
    def value(self) -> str:
        """The number with its unit."""
        word = {"percent": " %", "points": " points", "nats": " nats", "ratio": " times"}.get(self.unit, "")
        shown = self._written(self.estimate.value)
        return ("+" if self.unit == "points" and self.estimate.value >= 0.0005 else "") + shown + word

    @property
    def interval(self) -> str:
        """Its interval's ends in the same unit; NONE if there is none, "" if it has no width."""
        _, low, high, _ = self.estimate
        if low is None or high is None:
            return NONE
        if not self._width:
            return ""
        if self.unit == "percent":  # Student's interval may reach beyond the ends of a share
            low, high = max(0.0, low), min(1.0, high)
        return f"{self._written(low)} to {self._written(high)}"

    def _written(self, value: float) -> str:
        if self.unit in ("percent", "points"):
            return fixed(round(100 * value, 1) + 0.0, 1)  # no −0.0
        if self.unit == "ratio" or not self._width:
            return plain(value)
        return fixed(value, decimals_of(self._width / 2))

    @property
    def _width(self) -> float:
        """The interval's width; 0 if there is none, or if it is due to rounding alone."""
        value, low, high, _ = self.estimate
        width = 0.0 if low is None or high is None else high - low
        return width if width > 1e-9 * abs(value) else 0.0


@dataclass
class Gathered:
    """The numbers of one test, and the labels of those that are missing."""

    evidence: list[Evidence] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def add(
        self,
        label: str,
        found: Estimate | None,
        unit: Unit,
        above: float = -math.inf,
        below: float = math.inf,
        *,
        models: tuple[Hashable, ...] = (),
    ) -> None:
        """Add a number, None if it is missing; the claim's side; and the models that it was measured on."""
        if found is None:
            self.absent.append(label)
        else:
            self.evidence.append(Evidence(label, found, unit, above, below, models))
